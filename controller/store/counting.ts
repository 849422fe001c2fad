/** A column that counts up by itself, in the words of each database. */
import type { ColumnDefinitionBuilder } from 'kysely';

/** The two databases differ in how a column counts up by itself. */
export type Dialect = 'sqlite' | 'postgres';

type Column = [
  type: 'integer' | 'bigserial',
  build: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder,
];

export function counting(dialect: Dialect): Column {
  return dialect === 'sqlite'
    ? ['integer', (column) => column.primaryKey().autoIncrement()]
    : ['bigserial', (column) => column.primaryKey()];
}
