/**
 * Where one device stands within a rollout. Pure. Success is the model serving through its soak,
 * not a download.
 */
import type { MemberState } from '../../shared/protocol/states.ts';
import type { DeviceView, Member } from './plan.ts';

interface Rules {
  readonly soakSeconds: number;
  readonly timeoutSeconds: number;
  readonly nowMs: number;
}

/** The member as it is now; null where it is no member any more. */
export function judgeMember(member: Member, view: DeviceView, rules: Rules): Member | null {
  const own = adopt(member, view, rules.nowMs);
  if (own.revision === null) return view.wanted ? own : null;
  // Another rollout took it: what was reached stays said, a failure may be tried anew.
  if (!view.ours) return own.state === 'succeeded' ? own : null;
  const { state, reason } = stateOf(own, view, rules);
  if (state === own.state) return { ...own, reason };
  const accepted = state === 'failed' && own.accepted;
  return { ...own, state, reason, accepted, sinceMs: rules.nowMs };
}

/** A revision that was published just before a crash counts: the device has it. */
function adopt(member: Member, view: DeviceView, nowMs: number): Member {
  if (!view.ours || member.revision === view.revision) return member;
  const admittedMs = member.revision === null ? (member.admittedMs ?? nowMs) : nowMs;
  const admitted = { revision: view.revision, admittedMs, sinceMs: nowMs };
  return { ...member, ...admitted, state: 'updating', accepted: false };
}

function stateOf(
  member: Member,
  view: DeviceView,
  rules: Rules,
): { state: MemberState; reason: string } {
  const { report } = view;
  if (!report || report.revision < view.revision) {
    const silence = silenceOf(member.admittedMs, rules);
    return silence ?? { state: 'updating', reason: waitingFor(view) };
  }
  if (report.state === 'failed') return { state: 'failed', reason: report.reason };
  if (report.state === 'serving' && report.servesGoal) return soak(member, view, rules);
  const heardMs = Math.max(report.atMs, member.admittedMs ?? 0);
  const silence = silenceOf(heardMs, rules);
  return silence ?? { state: 'updating', reason: `${report.state}: ${report.reason}` };
}

function soak(
  member: Member,
  view: DeviceView,
  rules: Rules,
): { state: MemberState; reason: string } {
  const served = { state: 'succeeded', reason: view.report?.reason ?? '' } as const;
  if (member.state === 'succeeded') return served;
  if (!view.online) {
    const silence = silenceOf(view.seenMs, rules);
    return silence ?? { state: 'soaking', reason: 'serves it, but is offline now' };
  }
  const sinceMs = member.state === 'soaking' ? (member.sinceMs ?? rules.nowMs) : rules.nowMs;
  const untilMs = sinceMs + rules.soakSeconds * 1000;
  if (untilMs <= rules.nowMs) return served;
  return { state: 'soaking', reason: `serves it; soaks until ${new Date(untilMs).toISOString()}` };
}

/** Silence is a failure: a device that can't speak can't say that it failed. */
function silenceOf(
  heardMs: number | null,
  { timeoutSeconds, nowMs }: Rules,
): { state: 'failed'; reason: string } | null {
  if (heardMs === null || nowMs - heardMs <= timeoutSeconds * 1000) return null;
  return { state: 'failed', reason: `said nothing new for ${timeoutSeconds} s` };
}

function waitingFor({ online, revision }: DeviceView): string {
  const offline = online ? '' : '; it is offline';
  return `has not taken up revision ${revision} yet${offline}`;
}
