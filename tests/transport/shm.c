/* SPDX-License-Identifier: MIT */
/* The contract, over `shm`. */
#include "tests/transport/contract.h"

CONTRACT_MAIN("shm")
