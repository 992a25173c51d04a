-- Numbers figures, tables and sections, and resolves @fig:id, @tbl:id and @sec:id.
-- A pandoc filter for latex, typst and html; it must run before citeproc, which would take the
-- references for citations. LaTeX and Typst print their own numbers: here the same ones are
-- counted, so that html gets them and a reference to nothing stops the rendering.

local WORDS = { fig = "Figure", tbl = "Table", sec = "Section" }
local TEXT_WIDTH = 468 -- pt: A4 without the margins of template.tex and template.typ
local FONT_SIZES = { 9, 8, 7 } -- pt, of tables: the text has 11
local KEEP = 220 -- pt: a table lower than this is not broken over two pages
local NBSP = "\u{a0}"

local numbers = {} -- id -> "3" or "2.1"
local figures, tables, sections = 0, 0, {}
local unresolved = {}

local function prefix(id)
  return id:match("^(%a+):")
end

local function register(id, number)
  if id == "" then return end
  if numbers[id] then error("the id " .. id .. " is used twice", 0) end
  numbers[id] = number
end

-- html has no counters of its own: write "Figure 3." in front of the caption.
local function label_caption(block, word, number)
  if not FORMAT:match("html") then return end
  local label = pandoc.Span({ pandoc.Str(word .. NBSP .. number .. ".") }, { class = "label" })
  local first = block.caption.long[1]
  first.content:insert(1, pandoc.Space())
  first.content:insert(1, label)
end

local function number_figure(figure)
  if #figure.caption.long == 0 then error("a figure has no caption: " .. figure.identifier, 0) end
  figures = figures + 1
  register(figure.identifier, tostring(figures))
  label_caption(figure, WORDS.fig, figures)
  return figure
end

local function number_section(header)
  if header.classes:includes("unnumbered") then return end
  local level = header.level
  for above = 1, level - 1 do sections[above] = sections[above] or 0 end
  sections[level] = (sections[level] or 0) + 1
  for below = level + 1, 6 do sections[below] = nil end
  register(header.identifier, table.concat(sections, ".", 1, level))
end

-- widths="20 50 30": percent of the text's width, one a column; cells then wrap.
local function set_widths(tbl)
  local widths = {}
  for percent in (tbl.attributes.widths or ""):gmatch("[%d.]+") do
    widths[#widths + 1] = tonumber(percent) / 100
  end
  tbl.attributes.widths = nil
  if #widths == 0 then return nil end
  if #widths ~= #tbl.colspecs then
    error(("table %s has %d columns and %d widths"):format(tbl.identifier, #tbl.colspecs, #widths), 0)
  end
  for i, width in ipairs(widths) do tbl.colspecs[i] = { tbl.colspecs[i][1], width } end
  return widths
end

-- The number of characters in each cell: a list of rows, the head first.
local function cell_lengths(tbl)
  local rows = tbl.head.rows:clone()
  for _, body in ipairs(tbl.bodies) do rows:extend(body.body) end
  return rows:map(function(row)
    return row.cells:map(function(cell)
      return utf8.len(pandoc.utils.stringify(cell.contents))
    end)
  end)
end

-- The largest font at which the widest cells fit: half an em a character, 0.8 em a column.
local function font_size(lengths)
  local widest = {}
  for _, row in ipairs(lengths) do
    for i, length in ipairs(row) do widest[i] = math.max(widest[i] or 0, length) end
  end
  local characters = 0
  for _, length in ipairs(widest) do characters = characters + length end
  for _, size in ipairs(FONT_SIZES) do
    if (0.5 * characters + 0.8 * #widest) * size <= TEXT_WIDTH then return size end
  end
  return FONT_SIZES[#FONT_SIZES]
end

-- About how high the table will be, with its caption (pt).
local function height(lengths, widths, size)
  local lines = 4 -- caption, rules and the space around them
  for _, row in ipairs(lengths) do
    local deepest = 1
    for i, length in ipairs(widths and row or {}) do
      deepest = math.max(deepest, math.ceil(length * size / 2 / (widths[i] * TEXT_WIDTH - 8)))
    end
    lines = lines + deepest
  end
  return lines * size * 1.3
end

-- Set the font; keep a short table on one page, and the first rows of a long one together.
local function typeset(tbl, size, points)
  local open, close
  if FORMAT == "latex" then
    open = ("{\\renewcommand{\\tablesize}{%d}\\needroom{%dpt}"):format(size, math.min(points, KEEP) // 1)
    close = "}"
  elseif FORMAT == "typst" then
    open = ("#[\n#show table: set text(size: %dpt)"):format(size)
    if points < KEEP then open = open .. "\n#show figure: set block(breakable: false)" end
    close = "]"
  else
    return tbl
  end
  return { pandoc.RawBlock(FORMAT, open), tbl, pandoc.RawBlock(FORMAT, close) }
end

local function number_table(tbl)
  if #tbl.caption.long > 0 then
    tables = tables + 1
    register(tbl.identifier, tostring(tables))
    label_caption(tbl, WORDS.tbl, tables)
  end
  local widths, lengths = set_widths(tbl), cell_lengths(tbl)
  local size = widths and FONT_SIZES[1] or font_size(lengths)
  return typeset(tbl, size, height(lengths, widths, size))
end

local function reference(id)
  local word = WORDS[prefix(id)]
  if not numbers[id] then
    unresolved[#unresolved + 1] = "@" .. id
    return pandoc.Str("@" .. id)
  elseif FORMAT == "latex" then
    return pandoc.RawInline("latex", ("%s~\\ref{%s}"):format(word, id))
  elseif FORMAT == "typst" then
    return pandoc.RawInline("typst", ("#ref(<%s>);"):format(id))
  end
  return pandoc.Link({ pandoc.Str(word .. NBSP .. numbers[id]) }, "#" .. id)
end

local function resolve(cite)
  local inlines = pandoc.List()
  for i, citation in ipairs(cite.citations) do
    if not WORDS[prefix(citation.id) or ""] then return end
    if i > 1 then inlines:extend({ pandoc.Str(","), pandoc.Space() }) end
    inlines:insert(reference(citation.id))
  end
  return inlines
end

local function complain()
  if #unresolved == 0 then return end
  local known = {}
  for id in pairs(numbers) do known[#known + 1] = "@" .. id end
  table.sort(known)
  error(("unresolved reference %s; there are %s"):format(
    table.concat(unresolved, ", "), table.concat(known, ", ")), 0)
end

return {
  { Figure = number_figure, Table = number_table, Header = number_section },
  { Cite = resolve },
  { Pandoc = complain },
}
