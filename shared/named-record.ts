/** A schema of tables indexed by names from files. */
import * as v from 'valibot';

/** Names that `v.record` leaves out, as assigning them to a plain object goes wrong. */
const leftOut: ReadonlySet<string> = new Set(['__proto__', 'prototype', 'constructor']);
const mark = '\u0000';

/** As `v.record` with any text as key; every name is kept, `__proto__` and `constructor` too. */
export function namedRecord<const Value extends v.GenericSchema>(value: Value) {
  const schema = v.record(v.string(), value);
  const run: (typeof schema)['~run'] = (dataset, config) => {
    const hidden = {
      value: renamed(dataset.value, (name) => (leftOut.has(name) ? mark + name : name)),
    };
    const result = schema['~run'](hidden, config);
    const shown = renamed(result.value, (name) =>
      name.startsWith(mark) && leftOut.has(name.slice(1)) ? name.slice(1) : name,
    );
    return Object.assign(result, { value: shown });
  };
  return { ...schema, '~run': run };
}

function renamed(value: unknown, nameOf: (name: string) => string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [nameOf(name), one]));
}
