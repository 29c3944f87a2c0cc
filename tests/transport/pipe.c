/* SPDX-License-Identifier: MIT */
/* The contract, held by `pipe`; what only sockets can get wrong is in wire.c and socket.c. */
#include "tests/transport/contract.h"

CONTRACT_MAIN("pipe")
