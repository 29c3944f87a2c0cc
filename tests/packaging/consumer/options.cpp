// SPDX-License-Identifier: MIT
// Option structs from C++: the macro gives them their size, and zeros.
#include <smew/smew.h>

int main()
{
    smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    smew_send_options send = SMEW_SEND_OPTIONS_INIT;
    smew_bus *bus = nullptr;

    if (options.size != sizeof(options) || options.window != 0 || send.size != sizeof(send))
        return 1;
    options.window = 16;
    send.timeout_ms = SMEW_NOW;
    if (smew_bus_open("inproc://options", &options, &bus, nullptr) != SMEW_OK)
        return 2;
    enum smew_status status = smew_bus_send(bus, "nobody", "E", nullptr, 0, &send);
    smew_bus_close(bus, 0, nullptr);
    return status == SMEW_NO_MACHINE ? 0 : 3;
}
