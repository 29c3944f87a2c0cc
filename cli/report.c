/* SPDX-License-Identifier: MIT */
/*
 * Lines on stderr.  The library logs from its own threads, several at once: a line is formatted
 * on the stack and leaves in one fprintf, which stdio locks.
 */
#include "cli/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "cli/output.h"

enum { LINE_SIZE = 1024 };

static void print_line(enum smew_log_level level, const char *text)
{
    static const char *const names[] = {
        [SMEW_LOG_DEBUG] = "debug",
        [SMEW_LOG_INFO] = "info ",
        [SMEW_LOG_WARN] = "warn ",
        [SMEW_LOG_ERROR] = "error",
    };
    char clock[16], clean[LINE_SIZE];
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    strftime(clock, sizeof(clock), "%H:%M:%S", &local);
    smew__output_clean(clean, sizeof(clean), text);
    fprintf(stderr, "%s %s %s\n", clock, names[level], clean);
}

static void on_log(enum smew_log_level level, const char *text, void *user)
{
    (void)user;
    print_line(level, text);
}

void smew__report_start(bool verbose)
{
    smew_log_set_sink(on_log, NULL, verbose ? SMEW_LOG_DEBUG : SMEW_LOG_INFO);
}

void smew__report_line(enum smew_log_level level, const char *format, ...)
{
    char text[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print_line(level, text);
}

/* Commands come and go all day: only what somebody should look at is told unasked. */
static bool is_routine(const struct smew_notice *notice)
{
    return notice->type == SMEW_NOTICE_PEER_CONNECTED ||
           notice->type == SMEW_NOTICE_PEER_DISCONNECTED || notice->type == SMEW_NOTICE_PEER_LEFT ||
           notice->type == SMEW_NOTICE_PEER_RECOVERED;
}

void smew__report_notice(struct smew_bus *bus, const struct smew_notice *notice, void *user)
{
    (void)bus;
    (void)user;
    if (is_routine(notice)) /* the library's own log has it */
        return;
    smew__report_line(SMEW_LOG_WARN, "node %s%s%s: %s", notice->node,
                      notice->machine ? ", machine " : "", notice->machine ? notice->machine : "",
                      notice->text);
}

void smew__report_dead_letter(struct smew_bus *bus, const struct smew_message *message,
                              enum smew_status reason, void *user)
{
    (void)bus;
    (void)user;
    smew__report_line(SMEW_LOG_WARN, "dead letter: %s from %s to %s: %s",
                      smew_message_event(message), smew_message_source(message),
                      smew_message_target(message), smew_status_text(reason));
}
