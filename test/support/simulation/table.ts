/** What became of each scenario, one line each. */
import { formatTable } from '../../../shared/terminal/table.ts';

export interface Row {
  readonly name: string;
  readonly devices: number;
  /** Of the rollout; `refused` where there was none. */
  readonly state: string;
  readonly exitCode: number | null;
  readonly seconds: number;
  /** What went otherwise than it must; empty is right. */
  readonly faults: readonly string[];
}

const header = ['SCENARIO', 'DEVICES', 'END STATE', 'EXIT CODE', 'SECONDS', 'AS EXPECTED'];

export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    ...[row.name, String(row.devices), row.state, String(row.exitCode ?? '–')],
    ...[row.seconds.toFixed(1), row.faults.length === 0 ? 'yes' : `NO: ${row.faults.join('; ')}`],
  ]);
  return formatTable([header, ...cells], { right: [1, 3, 4] }).join('\n');
}
