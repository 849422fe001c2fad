/**
 * `fettle models [NAME]`: what was pushed; with a name its versions and the variants of the newest
 * one.
 */
import type { HttpClient } from '../shared/http-client.ts';
import { ModelRecord, VariantRecord } from '../shared/protocol/api.ts';
import type { Quality } from '../shared/protocol/tuning.ts';
import { formatBytes, formatNumber } from '../shared/terminal/units.ts';
import { archivedOption, archivedQuery } from './archived.ts';
import { clientOptions, connect } from './client.ts';
import type { Command } from './command.ts';
import { fetchAll } from './pages.ts';
import { printTable } from './rows.ts';

export const command: Command = {
  args: ['[NAME]'],
  options: [archivedOption, ...clientOptions],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const query = archivedQuery(context);
    const all = await fetchAll(client, ModelRecord, { path: '/api/v1/models', query, signal });
    const { NAME: name } = context.args;
    const models = all.filter((model) => name === undefined || model.name === name);
    const header = ['MODEL', 'VERSION', 'STATE', 'BYTES', 'QUALITY', 'PUSHED'];
    printTable(io, [header, ...models.map(modelRow)], { right: [1, 3] });
    const [newest] = models;
    const variants = name !== undefined && newest ? await variantsOf(client, newest, signal) : [];
    if (variants.length > 0) {
      io.line('');
      const titles = ['VARIANT', 'STATE', 'BYTES', 'OF SOURCE', 'SENT', 'QUALITY', 'DROP AT MOST'];
      const rows = variants.map((variant) => variantRow(variant, newest?.bytes ?? 0));
      printTable(io, [titles, ...rows], { right: [2, 3, 4] });
    }
    io.result(name === undefined ? models : { models, variants });
  },
};

function variantsOf(
  client: HttpClient,
  { name, version }: ModelRecord,
  signal: AbortSignal,
): Promise<VariantRecord[]> {
  const path = `/api/v1/models/${name}/${version}/variants`;
  return fetchAll(client, VariantRecord, { path, signal });
}

function modelRow(model: ModelRecord): string[] {
  const { name, version, bytes, quality, createdAt, state, error, archivedAt } = model;
  const shown = `${error ? `${state}: ${error.message}` : state}${archivedAt ? ', archived' : ''}`;
  return [name, String(version), shown, formatBytes(bytes), qualityText(quality), createdAt];
}

function variantRow(variant: VariantRecord, sourceBytes: number): string[] {
  const { recipeName, state, error, bytes, sent, quality } = variant;
  const sentBytes = sent?.bytes ?? bytes;
  return [
    recipeName,
    error ? `${state}: ${error.message}` : state,
    bytes === null ? '–' : formatBytes(bytes),
    bytes === null || sourceBytes === 0 ? '–' : formatNumber(bytes / sourceBytes),
    sentBytes === null ? '–' : formatBytes(sentBytes),
    qualityText(quality),
    quality ? formatNumber(quality.dropUpper) : '–',
  ];
}

function qualityText(quality: Quality | null): string {
  return quality ? `${quality.metric} ${formatNumber(quality.value)}` : '–';
}
