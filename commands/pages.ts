/** Lists of the controller's API, page by page. */
import * as v from 'valibot';
import type { HttpClient } from '../shared/http-client.ts';

interface Listing {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** No more than these. */
  readonly last?: number;
}

/** Pages followed at most: a million entries. */
const pagesMax = 1000;

export async function fetchAll<S extends v.GenericSchema>(
  client: HttpClient,
  item: S,
  { path, query = {}, signal, last = Infinity }: Listing,
): Promise<v.InferOutput<S>[]> {
  const Page = v.object({ items: v.array(item), next: v.nullable(v.string()) });
  const items: v.InferOutput<S>[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < pagesMax; page += 1) {
    const search = new URLSearchParams({
      ...query,
      limit: String(Math.min(1000, last - items.length)),
    });
    if (cursor !== null) search.set('cursor', cursor);
    const options = signal ? { signal } : {};
    const answer: { items: v.InferOutput<S>[]; next: string | null } = await client.call(
      Page,
      `${path}?${search}`,
      options,
    );
    items.push(...answer.items);
    cursor = answer.next;
    if (cursor === null || items.length >= last) break;
  }
  return items;
}
