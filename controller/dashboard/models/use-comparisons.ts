/** A version against those that devices serve now, or the one before; fetched once. */
import { useEffect, useState } from 'preact/hooks';
import type { VersionComparison } from '../../../shared/protocol/comparisons.ts';
import { useWorld } from '../state/world.ts';

export function useComparisons(model: string, version: number): readonly VersionComparison[] {
  const { api } = useWorld();
  const [found, setFound] = useState<readonly VersionComparison[]>([]);
  useEffect(() => {
    let stale = false;
    setFound([]);
    void api.comparisons(model, version).then((answer) => {
      if (!stale && answer.ok) setFound(answer.value);
    });
    return () => {
      stale = true;
    };
  }, [api, model, version]);
  return found;
}
