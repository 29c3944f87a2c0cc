/* SPDX-License-Identifier: MIT */
/* The bus's contract, over a scheme that a program brings. */
#include "tests/bus/contract.h"
#include "tests/bus/loop.h"

int main(void)
{
    return loop_register() || bus_contract_run("loop");
}
