/** Sends the example's sample to a device, as an application does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { digits } from './bad-files.ts';

/** The digit that the sample shows. */
export const sampleDigit = 8;

const Answer = v.object({
  model_name: v.string(),
  outputs: v.array(v.object({ name: v.string(), data: v.array(v.number()) })),
});

const sample = readFileSync(join(digits, 'sample.json'), 'utf8');
const timeoutMs = 30_000;

/** The class with the largest logit. Throws where the device refuses, or is away. */
export async function classify(endpoint: string): Promise<number> {
  const response = await fetch(new URL('/v2/models/digits/infer', endpoint), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: sample,
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text}`);
  const [logits] = v.parse(Answer, JSON.parse(text)).outputs;
  const data = logits?.data ?? [];
  return data.indexOf(Math.max(...data));
}
