/* demo.c - `tern demo`: one page over HTTP, and the life of its connection on the screen. Options, countdown and
 * report; the two worlds it can happen in are demo_kernel.c and demo_mem.c. */
#include "cli/demo.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "drivers/host.h"
#include "lens/text.h"

enum { O_MEM = OPT_COMMAND, O_FAST, O_SLOW };

static const struct opt demo_opts[] = {
    {O_MEM, "mem", NULL, N_("between two tern hosts in memory: needs no privileges, no kernel, no curl")},
    {O_FAST, "fast", NULL, N_("with --mem: do not wait for the clock")},
    {O_SLOW, "slow", NULL, N_("a slow link, 150 ms each way, to read along")},
    {'o', "output", "FILE", N_("the capture; otherwise demo.pcapng. An existing file is overwritten")},
};

static const struct opt_group groups[3] = {
    OPT_GROUP(N_("The show:"), demo_opts),
    {N_("The look:"), look_opts, 0},
    {N_("Pictures:"), picture_opts, 0},
};

static const char about[] = N_("Shows a connection from its first segment to the end of TIME-WAIT. In a network "
                               "namespace of its own tern serves a page, "
                               "the real curl fetches it through the TCP of the Linux kernel, and every segment is "
                               "drawn: the state of tern on the left, "
                               "that of the kernel, as the kernel itself reports it, on the right, and why each number "
                               "is what it is. Where namespaces "
                               "or TUN devices are refused, two tern hosts in memory take over.");

const char demo_page[] = "<!doctype html>\n"
                         "<title>tern</title>\n"
                         "<h1>It works.</h1>\n"
                         "<p>This page came out of a TCP that lives in an ordinary process. The segments that carried "
                         "it are on the screen.</p>\n";
const size_t demo_page_len = sizeof demo_page - 1;

/* ---- watchers ---- */

static void capture_failed(void *ctx, const char *path, int error) {
    struct demo *d = ctx;
    d->pcap_failed = true;
    trouble(_("%s: cannot write: %s; the capture ends here"), path, i18n_error(error));
}

int demo_watch(struct demo *d, bool both, int server_end, uint64_t epoch_ns, const char *iface, const char *described) {
    struct ladder_options lo = look_for(&d->look, stdout);
    char application[32];
    snprintf(application, sizeof application, "tern %s", tern_version());
    struct pcapng_options po = {.lang = i18n_lang(),
                                .states = true,
                                .application = application,
                                .epoch_ns = epoch_ns,
                                .failed = capture_failed,
                                .ctx = d};
    lo.both = both;
    lo.name[END_A] = d->name[END_A];
    lo.name[END_B] = d->name[END_B];
    lo.initial[server_end] = TERN_LISTEN;
    lo.initial[!server_end] = TERN_CLOSED;
    d->server_end = server_end;
    int drawn = pictures_begin(&d->pictures, NULL, &lo);
    if (drawn != 0) return drawn;
    d->ladder = ladder_new(&lo);
    if (d->ladder == NULL) return trouble("%s", i18n_error(ENOMEM));
    int r = pcapng_open(d->path, &po, &d->pcap);
    if (r < 0) return trouble(_("%s: cannot open: %s"), d->path, i18n_error(-r));
    pcapng_iface(d->pcap, PCAPNG_RAW, iface, described);
    tally_start(&d->tally);
    return 0;
}

void demo_server_record(struct demo *d, const tern_trace *record) {
    /* Whoever interrupts the show has a whole file all the same. */
    if (record->kind == TERN_TRACE_PACKET_IN || record->kind == TERN_TRACE_PACKET_OUT) pcapng_flush(d->pcap);
    pcapng_trace(d->pcap, 0, record);
    tally_record(&d->tally, record);
    if (!d->tally.started) return;
    if (d->tally.state == TERN_TIME_WAIT && d->time_wait_ns == 0) d->time_wait_ns = record->time_ns;
    if (d->tally.state == TERN_CLOSED) d->over = true;
}

void demo_body(struct demo *d, const char *data, size_t len) {
    size_t n = 0;
    for (; d->body_len == 0 && n < len && n + 1 < sizeof d->body && data[n] != '\n'; n++) d->body[n] = data[n];
    d->body_len += len;
}

/* ---- sentences with the name of an end ---- */

/* Chinese words stand without a space between them, and "server" is one there. */
static void put(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void put(char *text, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(text, size, format, args);
    va_end(args);
    text_close_up(text);
}

/* ---- the wait ---- */

void demo_countdown(struct demo *d, uint64_t left_ns) {
    static unsigned told = UINT32_MAX;
    unsigned seconds = (unsigned)((left_ns + 999999999u) / 1000000000u);
    char text[160];
    if (told == UINT32_MAX) {
        pcapng_flush(d->pcap);
        ladder_settle(d->ladder);
        put(text, sizeof text,
            _("TIME-WAIT: %s closed first, so it waits 2 MSL = %.0f s (shortened for the show; usually %d s) in case "
              "its last ACK was lost."),
            d->name[d->server_end], 2 * DEMO_MSL_MS / 1000.0, 60);
        ladder_note(d->ladder, text);
        told = seconds + 1;
        if (!isatty(STDOUT_FILENO)) told = 0; /* one line is enough for a file */
    }
    if (seconds >= told || seconds == 0) return;
    told = seconds;
    snprintf(text, sizeof text, _("%u s to go"), seconds);
    ladder_note(d->ladder, text);
}

/* ---- the report ---- */

static const char *opening(enum tally_open form) {
    switch (form) {
    case OPEN_THREE: return _("Opened in three segments: SYN / SYN,ACK / ACK.");
    case OPEN_SIMULTANEOUS: return _("Opened from both ends at once.");
    case OPEN_REFUSED: return _("Refused.");
    default: return _("Never opened.");
    }
}

static const char *closing(enum tally_close form) {
    switch (form) {
    case CLOSE_FOUR: return _("Closed in four segments: FIN / ACK / FIN / ACK.");
    case CLOSE_THREE: return _("Closed in three segments: the second FIN carried the ACK of the first.");
    case CLOSE_SIMULTANEOUS: return _("Closed from both ends at once.");
    case CLOSE_RESET: return _("Ended by a reset.");
    default: return _("Never closed.");
    }
}

static void line(const char *name, const struct tally_end *end) {
    char text[160];
    put(text, sizeof text, _("  %s sent %llu segments with %llu bytes, %llu repeated\n"), name,
        (unsigned long long)end->segments, (unsigned long long)end->bytes, (unsigned long long)end->repeated);
    fputs(text, stdout);
}

static void round_trip(const char *name, uint32_t us) {
    char text[160];
    if (us == 0) return;
    put(text, sizeof text, _("  round trip as %s measured it: %.3f ms\n"), name, us / 1000.0);
    fputs(text, stdout);
}

int demo_report(struct demo *d) {
    const struct tally *t = &d->tally;
    const char *server = d->name[d->server_end], *client = d->name[!d->server_end];
    ladder_free(d->ladder);
    d->ladder = NULL;
    int capture = pcapng_close(d->pcap), pictures = pictures_end(&d->pictures);
    char first[96] = "";
    if (t->closed_first >= 0)
        put(first, sizeof first, _(" %s closed first."), t->closed_first == END_A ? server : client);
    printf("\n%s\n%s%s\n", opening(t->open), closing(t->close), first);
    line(server, &t->end[END_A]);
    line(client, &t->end[END_B]);
    round_trip(server, t->srtt_us);
    round_trip(client, d->peer_rtt_us);
    if (d->body_len > 0) printf(_("  the client got %zu bytes: %s ...\n"), d->body_len, d->body);
    if (capture == 0 && !d->pcap_failed)
        printf(_("%s: the same in Wireshark, with a comment on each packet.\n"), d->path);
    bool fine = t->open == OPEN_THREE &&
                (t->close == CLOSE_FOUR || t->close == CLOSE_THREE || t->close == CLOSE_SIMULTANEOUS) &&
                d->body_len == demo_page_len;
    if (!fine) trouble(_("the connection did not go as it should"));
    return fine && capture == 0 && pictures == 0 ? EXIT_FINE : EXIT_TROUBLE;
}

int demo_main(int argc, char **argv) {
    static struct demo d = {.path = "demo.pcapng", .look = {.colour = "auto"}};
    struct opt_group g[3] = {groups[0], groups[1], groups[2]};
    struct help help = {"demo", "[OPTION]...", about, g, 3, NULL};
    const char *value;
    g[1].n = look_opts_n;
    g[2].n = picture_opts_n;
    for (int c; (c = opt_next(argc, argv, &help, &value)) != OPT_END;) {
        switch (c) {
        case OPT_HELP: return EXIT_FINE;
        case OPT_BAD: return EXIT_USAGE;
        case O_MEM: d.mem = true; break;
        case O_FAST: d.fast = true; break;
        case O_SLOW: d.slow = true; break;
        case 'o': d.path = value; break;
        default:
            if (pictures_option(&d.pictures, c, value)) break;
            if (look_option(&d.look, c, value)) return EXIT_USAGE;
        }
    }
    if (optind < argc) return misuse(_("'%s' is too much"), argv[optind]);
    if (pictures_stdout(&d.pictures)) return misuse(_("standard output is where the ladder goes: give files"));
    if (d.fast && !d.mem) return misuse(_("--fast is for --mem: the kernel's clock cannot be hurried"));
    int code = d.mem ? DEMO_REFUSED : demo_kernel(&d);
    return code == DEMO_REFUSED ? demo_mem(&d) : code;
}
