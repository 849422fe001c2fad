/** The variants of a model: fetched once, then kept fresh by live events. */
import { useEffect, useState } from 'preact/hooks';
import type { VariantRecord } from '../../../shared/protocol/api.ts';
import type { Fault } from '../api/client.ts';
import { useTopics, useWorld } from '../state/world.ts';

export interface Variants {
  /** The smallest first; those that are not built yet last. */
  readonly variants: readonly VariantRecord[];
  readonly fault: Fault | null;
}

export function useVariants(model: string, version: number): Variants {
  const { api, store } = useWorld();
  useTopics('variants', 'status');
  const [fault, setFault] = useState<Fault | null>(null);
  const live = store.status().state;
  // A new connection may have missed events.
  useEffect(() => {
    let stale = false;
    void api.variants(model, version).then((answer) => {
      if (stale) return;
      if (answer.ok) store.addVariants(answer.value);
      setFault(answer.ok ? null : answer.fault);
    });
    return () => {
      stale = true;
    };
  }, [api, store, model, version, live]);
  const variants = [...store.variants.values()]
    .filter((variant) => variant.model === model && variant.version === version)
    .sort((a, b) => (a.bytes ?? Number.MAX_VALUE) - (b.bytes ?? Number.MAX_VALUE));
  return { variants, fault };
}
