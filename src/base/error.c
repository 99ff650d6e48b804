/*
 * error: the names and texts of statuses and outcomes, from the tables in <miraicore/error.h>.
 * Constant; any thread.
 */
#include <miraicore/error.h>

const char *mirai_status_name(mirai_status status)
{
    switch (status) {
#define NAME(name, number, text)                                                                   \
    case number: return "MIRAI_" #name;
        MIRAI_STATUS_MAP(NAME)
#undef NAME
    default: return "MIRAI_E_UNKNOWN";
    }
}

const char *mirai_status_text(mirai_status status)
{
    switch (status) {
#define TEXT(name, number, text)                                                                   \
    case number: return text;
        MIRAI_STATUS_MAP(TEXT)
#undef TEXT
    default: return "unknown status";
    }
}

const char *mirai_outcome_text(mirai_outcome outcome)
{
    switch (outcome) {
#define TEXT(name, number, text)                                                                   \
    case number: return text;
        MIRAI_OUTCOME_MAP(TEXT)
#undef TEXT
    default: return "unknown outcome";
    }
}
