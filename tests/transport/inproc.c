/* SPDX-License-Identifier: MIT */
/* The contract, held by `inproc`. */
#include "tests/transport/contract.h"

CONTRACT_MAIN("inproc")
