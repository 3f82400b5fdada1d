/* page.h - the style and the script of html.c's page, as they stand in it. */
#ifndef LENS_PAGE_H
#define LENS_PAGE_H

extern const char page_style[], page_script[];

#endif
