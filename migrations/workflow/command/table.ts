/** One cell: its text, and how it is painted once it has its width. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

/** Columns side by side, two spaces between them, the last one as long as it is. */
export function formatTable(rows: readonly (readonly Cell[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, { text }] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? 0, text.length);
    }
  }
  return rows
    .map((row) =>
      row
        .map(({ text, paint = (plain) => plain }, column) =>
          column === row.length - 1 ? paint(text) : paint(text) + ' '.repeat((widths[column] ?? 0) - text.length),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
