/* html.c - see picture.h: one page with the ladder as SVG, the state diagram and a script that steps through both. It
 * loads nothing; without scripts it is a page with two drawings. The script's text is page.h's. */
#include <stdlib.h>

#include "lens/markup.h"
#include "lens/page.h"
#include "lens/states.h"
#include "lens/svg.h"

static void name_string(FILE *out, const char *name, const char *value) {
    fprintf(out, ",\"%s\":", name);
    json_put(out, value);
}

static void reasons(const struct step *s, FILE *out) {
    fputs(",\"rfc\":[", out);
    for (int end = 0; end < 2; end++) {
        if (end == 1) fputc(',', out);
        json_put(out, s->reason[end] != 0 ? tern_reason_rfc(s->reason[end]) : "");
    }
    fputc(']', out);
}

/* What the panel says of a step; the script moves the curtain down to `y`. */
static void step_data(const struct step *s, const struct svg_place *at, uint64_t zero, FILE *out) {
    fprintf(out, "{\"top\":%d,\"y\":%d,\"ns\":%llu", at->top, at->bottom,
            (unsigned long long)(s->time_ns > zero ? s->time_ns - zero : 0));
    fprintf(out, ",\"state\":[");
    for (int end = 0; end < 2; end++) {
        if (end == 1) fputc(',', out);
        json_put(out, s->state[end] >= 0 ? tern_state_name((enum tern_state)s->state[end]) : "");
    }
    fputc(']', out);
    if (s->unsure[0] || s->unsure[1]) fprintf(out, ",\"unsure\":[%d,%d]", s->unsure[0], s->unsure[1]);
    name_string(out, "head", s->head);
    name_string(out, "numbers", s->numbers);
    name_string(out, "options", s->options);
    name_string(out, "why", s->why);
    reasons(s, out);
    if (s->flags != 0) fprintf(out, ",\"seq\":%lu,\"ack\":%lu", (unsigned long)s->seq, (unsigned long)s->ack);
    fputc('}', out);
}

static bool shown(const struct step *s) { return s->kind != STEP_HEADING && s->kind != STEP_NOTE; }

static void data(const struct picture *p, const struct svg_place *places, FILE *out) {
    bool first = true;
    uint64_t zero = 0;
    fputs("<script>\nconst steps=[", out);
    for (size_t i = 0; i < p->n; i++) {
        if (!shown(&p->steps[i])) continue;
        if (first) zero = p->steps[i].time_ns;
        fputs(first ? "\n" : ",\n", out);
        first = false;
        step_data(&p->steps[i], &places[i], zero, out);
    }
    fputs("];\n", out);
    fputs(page_script, out);
    fputs("</script>\n", out);
}

static const char *named(const struct picture *p, int end) {
    for (size_t i = 0; i < p->n; i++)
        if (p->steps[i].kind == STEP_HEADING) return end == END_A ? p->steps[i].head : p->steps[i].numbers;
    return end == END_A ? "A" : "B";
}

static void end_card(const struct picture *p, int end, FILE *out) {
    fprintf(out, "<div class=\"end\"><b class=\"badge\">%c</b> <span>", end == END_A ? 'A' : 'B');
    xml_put(out, named(p, end));
    fprintf(out, "</span><output id=\"state%d\"></output></div>\n", end);
}

static void panel(const struct picture *p, FILE *out) {
    bool zh = p->lang == TERN_ZH;
    const char *const titles[][2] = {{"first step (Home)", "第一步（Home）"},
                                     {"step back (←)", "上一步（←）"},
                                     {"play (p)", "播放（p）"},
                                     {"next step (→)", "下一步（→）"},
                                     {"everything (End)", "全部（End）"}};
    static const char *const ids[] = {"first", "back", "play", "next", "last"};
    static const char *const faces[] = {"|←", "←", "▶", "→", "→|"};
    fputs("<aside>\n<div class=\"keys\">", out);
    for (size_t i = 0; i < 5; i++)
        fprintf(out, "<button id=\"%s\" title=\"%s\">%s</button>", ids[i], titles[i][zh], faces[i]);
    fputs("<output id=\"count\"></output></div>\n<input id=\"at\" type=\"range\" min=\"0\" value=\"0\" aria-label=\"",
          out);
    fputs(zh ? "第几步" : "step", out);
    fputs("\">\n<div class=\"ends\">", out);
    end_card(p, END_A, out);
    end_card(p, END_B, out);
    fputs("</div>\n<div id=\"what\"></div>\n", out);
    states_svg(out, p->lang, false);
    fprintf(out, "<p class=\"hint\">%s</p>\n</aside>\n",
            zh ? "← → 单步，p 播放，End 全部显示。连线从报文段离开处到到达处；竖条的颜色是该端的状态。"
               : "← → step, p plays, End shows all. A line runs from where a segment leaves to where it arrives; the "
                 "colour of a bar is the state of that end.");
}

bool picture_html(const struct picture *p, FILE *out) {
    struct svg_place *places = p->failed ? NULL : calloc(p->n + 1, sizeof *places);
    if (places == NULL) return false;
    int height = svg_layout(p, places);
    fprintf(out, "<!doctype html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<title>",
            p->lang == TERN_ZH ? "zh-CN" : "en");
    xml_put(out, p->title[0] != '\0' ? p->title : "tern");
    fputs("</title>\n<meta name=\"viewport\" content=\"width=device-width\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
          "script-src 'unsafe-inline'\">\n<style>\n",
          out);
    fputs(page_style, out);
    fputs("</style>\n</head>\n<body>\n<main>\n", out);
    svg_ladder(p, places, height, true, out);
    fputs("</main>\n", out);
    panel(p, out);
    data(p, places, out);
    fputs("</body>\n</html>\n", out);
    free(places);
    return true;
}
