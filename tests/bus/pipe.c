/* SPDX-License-Identifier: MIT */
/* The bus's contract, over `pipe`. */
#include "tests/bus/contract.h"

BUS_CONTRACT_MAIN("pipe")
