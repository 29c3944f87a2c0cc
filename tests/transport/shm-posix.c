/* SPDX-License-Identifier: MIT */
/* The contract, over `shm-posix`. */
#include "tests/transport/contract.h"

CONTRACT_MAIN("shm-posix")
