"""The report's text: its templates filled with the numbers of the tables; free of torch."""

import jinja2

from actgrid import (
    markdown,
    report_claims,
    report_cost,
    report_handmade,
    report_learned,
    report_paper,
    report_works,
    summary,
)

WORKS = ("learned", "trained", "autograd", "gradients")  # each has tables of its own, or None
OPTIONAL = ("reproduction", "agreement", *WORKS)  # None where a grid has nothing of the kind


def fill(templates: dict[str, str], **values) -> str:
    """The Markdown of a document: the first template, which includes the others.

    Comments in a template are <# ... #>, since {# starts an identifier in Markdown. It may call
    the functions of TABLES by their names, and those of `summary`.
    Raises jinja2.UndefinedError for a value that is not given.
    """
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        comment_start_string="<#",
        comment_end_string="#>",
    )
    filters = (markdown.number, markdown.rounded, markdown.percent, markdown.listed)
    environment.filters |= {function.__name__: function for function in filters}
    environment.globals |= {"summary": summary} | {tool.__name__: tool for tool in TABLES}
    template = environment.get_template(next(iter(templates)))
    return template.render(dict.fromkeys(OPTIONAL) | values) + "\n"


TABLES = (
    markdown.table,
    *report_claims.TABLES,
    *report_cost.TABLES,
    *report_handmade.TABLES,
    *report_learned.TABLES,
    *report_works.TABLES,
    *report_paper.TABLES,
)
