/**
 * Where one device stands within a rollout. Pure. Success is a variant of the model that is loaded
 * and has answered through its soak, which the device counts; a download is none.
 */
import type { MemberState } from '../../shared/protocol/states.ts';
import type { DeviceView, Member } from './plan.ts';

interface Rules {
  readonly soakSeconds: number;
  readonly timeoutSeconds: number;
  readonly gates: { readonly minRequests: number };
  readonly settled: boolean;
  readonly nowMs: number;
}

interface Judgement {
  readonly state: MemberState;
  readonly reason: string;
}

/** The member as it is now; null where it is no member any more. */
export function judgeMember(member: Member, view: DeviceView, rules: Rules): Member | null {
  const own = adopt(member, view, rules.nowMs);
  if (view.reverted) return revert(own, view, rules.nowMs);
  if (own.revision === null) return view.wanted ? { ...own, class: view.class } : null;
  // Another rollout took it: what was reached stays said, a failure may be tried anew.
  if (!view.ours) return own.state === 'succeeded' || own.state === 'reverted' ? own : null;
  // Nobody watches any more for what may befall it later.
  if (rules.settled && own.state === 'succeeded') return own;
  const golden = view.golden ?? own.golden;
  const { state, reason } = stateOf(own, view, rules);
  if (state === own.state) return { ...own, reason, golden };
  const accepted = state === 'failed' && own.accepted;
  return { ...own, state, reason, golden, accepted, sinceMs: rules.nowMs };
}

/** A revision that was published just before a crash counts: the device has it. */
function adopt(member: Member, view: DeviceView, nowMs: number): Member {
  if (!view.ours || member.revision === view.revision || view.revision <= member.retried) {
    return member;
  }
  const admittedMs = member.revision === null ? (member.admittedMs ?? nowMs) : nowMs;
  const admitted = { revision: view.revision, admittedMs, sinceMs: nowMs };
  return { ...member, ...admitted, state: 'updating', accepted: false };
}

function revert(member: Member, view: DeviceView, nowMs: number): Member {
  const { report, revision } = view;
  const said = report && report.revision >= revision ? `: ${report.state}, ${report.reason}` : '';
  const reason = `was given back what it ran before${said}`;
  const sinceMs = member.state === 'reverted' ? member.sinceMs : nowMs;
  return { ...member, state: 'reverted', revision, reason, sinceMs };
}

function stateOf(member: Member, view: DeviceView, rules: Rules): Judgement {
  const { report } = view;
  if (!report || report.revision < view.revision) {
    const silence = silenceOf(member.admittedMs, rules);
    return silence ?? { state: 'updating', reason: waitingFor(view) };
  }
  if (report.state === 'failed') return { state: 'failed', reason: report.reason };
  if (report.state === 'serving' && report.servesGoal) return served(member, view, rules);
  const heardMs = Math.max(report.atMs, member.admittedMs ?? 0);
  const silence = silenceOf(heardMs, rules);
  const soaks = report.state === 'proving' && report.servesGoal;
  const state = soaks ? 'soaking' : 'updating';
  const word = report.state === 'serving' ? 'serves no variant of it' : report.state;
  return silence ?? { state, reason: `${word}: ${report.reason}` };
}

/** It has soaked; where there was traffic before, there is to be some to judge by. */
function served(member: Member, view: DeviceView, rules: Rules): Judgement {
  const through = { state: 'succeeded', reason: view.report?.reason ?? '' } as const;
  if (member.state === 'succeeded') return through;
  if (!view.online) {
    const silence = silenceOf(view.seenMs, rules);
    return silence ?? { state: 'soaking', reason: 'serves it, but is offline now' };
  }
  const { minRequests } = rules.gates;
  const had = member.baseline?.requests ?? 0;
  const has = view.usage?.requests ?? 0;
  if (had < minRequests || has >= minRequests) return through;
  const sinceMs = member.state === 'soaking' ? (member.sinceMs ?? rules.nowMs) : rules.nowMs;
  if (rules.nowMs - sinceMs >= patience * rules.soakSeconds * 1000) return through;
  const reason = `serves it; has answered ${has} of the ${minRequests} requests to judge it by`;
  return { state: 'soaking', reason };
}

/** How many soak times a device may take to have answered enough requests. */
const patience = 2;

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
