/* SPDX-License-Identifier: MIT */
/*
 * The README's program: the shortest way to a machine.  It joins a bus and sends one event to the
 * machine "light", wherever on this computer that is hosted:
 *
 *     smew run samples/traffic/traffic.json --id light
 *
 * Failure modes: without a runtime directory it says what to set; without a host it prints that
 * nobody hosts the machine, and fails.  It is C, and C++ too.
 */
#include <smew/smew.h>
#include <stdio.h>

int main(void)
{
    struct smew_bus *bus;
    struct smew_error error;
    if (smew_bus_open("shm://smew", NULL, &bus, &error) != SMEW_OK)
        return fprintf(stderr, "%s\n", error.text), 1;
    enum smew_status status = smew_bus_send(bus, "light", "NEXT", NULL, 0, NULL);
    puts(smew_status_text(status));
    smew_bus_close(bus, 1000, NULL);
    return status != SMEW_OK;
}
