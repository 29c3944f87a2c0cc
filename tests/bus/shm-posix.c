/* SPDX-License-Identifier: MIT */
/* The bus's contract, over `shm-posix`. */
#include "tests/bus/contract.h"

BUS_CONTRACT_MAIN("shm-posix")
