/* SPDX-License-Identifier: MIT */
/* The bus's contract, over `inproc`. */
#include "tests/bus/contract.h"

BUS_CONTRACT_MAIN("inproc")
