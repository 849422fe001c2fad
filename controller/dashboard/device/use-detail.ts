/** One device in detail, fetched again when something about it changed. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { DeviceDetail } from '../../../shared/protocol/api.ts';
import type { Fault } from '../api/client.ts';
import { useTopics, useWorld } from '../state/world.ts';

export interface Detail {
  readonly detail: DeviceDetail | null;
  readonly fault: Fault | null;
}

/**
 * Its summary changes with every telemetry window: the whole is fetched no more often than this.
 */
const refetchMs = 2500;

export function useDetail(device: string): Detail {
  const { api, store } = useWorld();
  useTopics('devices', 'logs', 'status');
  const [state, setState] = useState<Detail>({ detail: null, fault: null });
  const fetchedMs = useRef(0);
  const summary = store.devices.get(device);
  const logged = store.logs.get(device);
  const live = store.status().state;
  // A new summary, entry of the log or connection is the reason to fetch.
  useEffect(() => {
    let stale = false;
    const waitMs = Math.max(0, fetchedMs.current + refetchMs - Date.now());
    const timer = setTimeout(async () => {
      fetchedMs.current = Date.now();
      const answer = await api.device(device);
      if (stale) return;
      // What was shown stays while the controller is away.
      if (answer.ok) setState({ detail: answer.value, fault: null });
      else setState((held) => ({ detail: held.detail, fault: answer.fault }));
    }, waitMs);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [api, device, summary, logged, live]);
  const fresh = state.detail && summary ? { ...state.detail, ...summary } : state.detail;
  return { detail: fresh, fault: state.fault };
}
