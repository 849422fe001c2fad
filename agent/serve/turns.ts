/**
 * What each thread has in hand. A run lies ready at a thread while another one is under way there:
 * its time begins when that one has ended, and a thread is stuck by the one that runs.
 */
import type { Job } from './job.ts';

export interface Turn {
  readonly jobs: readonly Job[];
  begunMs: number | null;
  stuck: NodeJS.Timeout | null;
}

export interface Turns<T> {
  /** The thread is given these. */
  add(thread: T, jobs: readonly Job[]): Turn;
  /** It is through with them. Returns how long they ran; null where they never began. */
  end(thread: T, turn: Turn): number | null;
}

export interface TurnOptions<T> {
  /** Longer than this no run may take. */
  readonly runMs: number;
  readonly onStuck: (thread: T, turn: Turn) => void;
}

export function createTurns<T>({ runMs, onStuck }: TurnOptions<T>): Turns<T> {
  const inHand = new Map<T, Turn[]>();
  const begin = (thread: T, turn: Turn) => {
    const nowMs = performance.now();
    turn.begunMs = nowMs;
    turn.stuck = setTimeout(() => onStuck(thread, turn), runMs);
    for (const job of turn.jobs) {
      job.begunMs = nowMs;
      if (job.marks) job.marks.startedMs = nowMs;
    }
  };
  return {
    add(thread, jobs) {
      const turn: Turn = { jobs, begunMs: null, stuck: null };
      const turns = inHand.get(thread) ?? [];
      inHand.set(thread, turns);
      turns.push(turn);
      if (turns[0] === turn) begin(thread, turn);
      return turn;
    },
    end(thread, turn) {
      const nowMs = performance.now();
      if (turn.stuck) clearTimeout(turn.stuck);
      for (const { marks } of turn.jobs) if (marks) marks.endedMs = nowMs;
      const left = (inHand.get(thread) ?? []).filter((one) => one !== turn);
      const [next] = left;
      if (next) inHand.set(thread, left);
      else inHand.delete(thread);
      if (next && next.begunMs === null) begin(thread, next);
      return turn.begunMs === null ? null : nowMs - turn.begunMs;
    },
  };
}
