/** Parts of a table laid out as blocks lose what they are to a screen reader: given back. */
export const roles = {
  group: { role: 'rowgroup' },
  row: { role: 'row' },
  heading: { role: 'columnheader' },
  cell: { role: 'gridcell' },
} as const;
