# What the rules need to know of the function of an activation, above all of one's own.
def get_function_modules(entry):
    """Modules that the function of an entry depends on."""
    function = ACTIVATIONS[entry["function"]]
    language = ["activations/expressions", "activations/vocabulary"]
    others = {"piecewise": ["activations/pieces"], "own": language if entry["function"] == "formula" else []}
    return [f"activations/{function}", *others.get(function, [])]


def get_imported(entry):
    """The file that an entry imports, if it lies in this project; others are not followed."""
    if entry["function"] != "imported":
        return []
    path = Path(entry["target"].partition(":")[0].replace(".", "/"))
    return [str(file) for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()]


def get_entry(wildcards):
    """The entry of an activation of the config, which need not be in any study."""
    try:
        return grid.entry_of(config, wildcards.activation)
    except ValueError as error:
        sys.exit(str(error))


def get_check_source(wildcards):
    """What an activation is made by."""
    entry = get_entry(wildcards)
    return modules(*get_function_modules(entry)) + get_imported(entry)
