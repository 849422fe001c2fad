/**
 * Where one device stands within a rollout. Pure. Success is a variant of the model that is loaded
 * and has answered through its soak, which the device counts; a download is none.
 */
import type { OfflineRule } from '../../shared/protocol/rollouts.ts';
import type { MemberState } from '../../shared/protocol/states.ts';
import type { DeviceView, Member } from './plan.ts';

export interface Rules {
  readonly soakSeconds: number;
  readonly timeoutSeconds: number;
  readonly gates: { readonly minRequests: number };
  readonly settled: boolean;
  readonly offline: OfflineRule;
  readonly hearingMs: number;
  readonly requireData: boolean;
  /** Classes of which traffic says too little, where data are required. */
  readonly silent?: ReadonlySet<string>;
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
  if (own.revision === null) return view.wanted ? waiting(own, view, rules) : null;
  // Another rollout took it: what was reached stays said, a failure may be tried anew.
  if (!view.ours) return own.state === 'succeeded' || own.state === 'reverted' ? own : null;
  // Nobody watches any more for what may befall it later.
  if (rules.settled && own.state === 'succeeded') return own;
  if (isAbsent(own, view, rules)) return absent(own, view);
  return judged(back(own, view, rules.nowMs), view, rules);
}

function judged(member: Member, view: DeviceView, rules: Rules): Member {
  const golden = view.golden ?? member.golden;
  const { state, reason } = stateOf(member, view, rules);
  if (state === member.state) return { ...member, reason, golden };
  const accepted = state === 'failed' && member.accepted;
  return { ...member, state, reason, golden, accepted, sinceMs: rules.nowMs };
}

/** One whose turn has not come, or that is offline then. */
export function waiting(member: Member, view: DeviceView, rules: Rules): Member {
  const own = { ...member, class: view.class };
  const offline = !view.online && rules.offline !== 'fail' && (member.offline || hears(rules));
  return offline ? absent(own, view) : { ...own, offline, sinceMs: null };
}

/** How long a broker may take to notice that a device has gone: its keep-alive, and half of it. */
const presenceLagMs = 60_000;

/**
 * Offline since before it was given the model, as far as anybody can know: nothing was heard of it
 * since. Once it was there, it is not excused any more.
 */
function isAbsent(member: Member, view: DeviceView, rules: Rules): boolean {
  const { state, admittedMs } = member;
  if (view.online || rules.offline === 'fail') return false;
  if ((view.report?.revision ?? 0) >= view.revision) return false;
  if (admittedMs === null || (view.seenMs ?? 0) >= admittedMs) return false;
  const soon = rules.nowMs - admittedMs <= presenceLagMs;
  return state === 'waiting' || (state === 'updating' && soon && hears(rules));
}

function absent(member: Member, view: DeviceView): Member {
  const given = member.revision === null ? 'is given it' : 'takes it up';
  const reason = `is offline; ${given} when it is back`;
  return { ...member, state: 'waiting', offline: true, sinceMs: view.seenMs, reason };
}

/** One that was absent has its time from now on. */
function back(member: Member, view: DeviceView, nowMs: number): Member {
  if (!member.offline) return member;
  return { ...member, offline: false, admittedMs: view.seenMs ?? nowMs };
}

/** Devices need some time to be back after the controller, or its broker, was away. */
const graceSeconds = 90;

/** Whether the controller has heard devices for so long that one which is offline is offline. */
export function hears({ hearingMs, timeoutSeconds, nowMs }: Rules): boolean {
  return nowMs - hearingMs >= Math.min(graceSeconds, timeoutSeconds) * 1000;
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
  return { ...member, state: 'reverted', offline: false, revision, reason, sinceMs };
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
  if (rules.silent?.has(member.class)) {
    const lacks = `fewer than ${minRequests} requests in the last minute to judge its class by`;
    return { state: 'soaking', reason: `serves it; data are required: ${lacks}` };
  }
  if (rules.requireData) return through;
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

/**
 * Silence is a failure: a device that can't speak can't say that it failed. While the controller
 * could not hear, nobody was silent.
 */
function silenceOf(
  heardMs: number | null,
  { timeoutSeconds, hearingMs, nowMs }: Rules,
): { state: 'failed'; reason: string } | null {
  if (heardMs === null) return null;
  if (nowMs - Math.max(heardMs, hearingMs) <= timeoutSeconds * 1000) return null;
  return { state: 'failed', reason: `said nothing new for ${timeoutSeconds} s` };
}

function waitingFor({ online, revision }: DeviceView): string {
  const offline = online ? '' : '; it is offline';
  return `has not taken up revision ${revision} yet${offline}`;
}
