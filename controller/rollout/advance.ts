/**
 * Opens waves while the present one is done, and says whom the open ones have room for. Pure. A
 * wave that is not done, scouts of a class, a limit of devices under way, the share that must stay
 * healthy, a maintenance window and a person's approval may each hold it up; the reason says which.
 */
import type { WaitKind } from '../../shared/protocol/rollouts.ts';
import type { RolloutState } from '../../shared/protocol/states.ts';
import { hears } from './judge.ts';
import { maintenanceAt } from './maintenance.ts';
import { isAdmitted, isOpen } from './member.ts';
import { countedMembers, placeWaiting } from './place.ts';
import type { DeviceView, Member, RolloutInput, RolloutPlan } from './plan.ts';
import { scoutsOf } from './scouts.ts';
import { targetOf } from './waves.ts';

export type Advance = Omit<RolloutPlan, 'revert' | 'verdicts' | 'outlook'>;

interface Hold {
  readonly kind: WaitKind;
  readonly reason: string;
}

export function advance(
  rollout: RolloutInput,
  devices: ReadonlyMap<string, DeviceView>,
  nowMs: number,
): Advance {
  const counted = countedMembers(rollout);
  const admitted = counted.filter(isAdmitted);
  const open = admitted.filter(isOpen);
  const { wave, hold, barred } = openWaves(rollout, counted, open.length);
  const members = placeWaiting({ ...rollout, wave }, devices, `wave ${wave} is not done`);
  const inPlay = new Set(counted.map(({ device }) => device));
  const waiting = members.filter(
    (member) =>
      !isAdmitted(member) &&
      member.wave <= wave &&
      inPlay.has(member.device) &&
      mayGo(rollout, devices.get(member.device)),
  );
  const window = maintenanceAt(rollout.maintenance, nowMs);
  const shut = !window.open && waiting.length > 0;
  const closed = barred ? hold : shut ? { kind: 'maintenance' as const, ...window } : null;
  const scouts = scoutsOf(counted, rollout.scouts);
  const crowd = { rollout, counted, open, scouts };
  const free = Math.max(0, targetOf(rollout.waves, wave, counted.length) - admitted.length);
  const room = closed ? 0 : Math.min(free, roomFor(crowd));
  const admit = chosen(crowd, waiting, room);
  const { stops, reverting, breach } = rollout;
  const blocked = healthHold(crowd, waiting.length > 0 && free > 0 && room === 0 && !closed);
  const telling = {
    ...{ scouts, closed, admit: new Set(admit) },
    waiting: new Set(waiting.map(({ device }) => device)),
  };
  const told = members.map((member) => tell(member, telling));
  const certain = hears({ ...rollout, nowMs });
  const held = closed ?? blocked ?? hold;
  const progress = { ...rollout, members: told, admit, wave, hold: held, certain };
  return { members: told, admit, wave, stops, reverting, breach, ...outcome(progress) };
}

/** What is offline is given nothing, unless its silence is to count. */
function mayGo({ offline }: RolloutInput, view: DeviceView | undefined): boolean {
  return offline === 'fail' || view?.online === true;
}

/**
 * The wave that is open; where a person has to approve of the next one, what it waits for. The
 * first one is barred by that.
 */
function openWaves(
  rollout: RolloutInput,
  counted: readonly Member[],
  open: number,
): { wave: number; hold: Hold | null; barred: boolean } {
  const { waves, approvedWave } = rollout;
  const admitted = counted.filter(isAdmitted).length;
  let wave = Math.min(Math.max(1, rollout.wave), waves.length);
  const needsApproval = (next: number) => waves[next - 1]?.approval === true && approvedWave < next;
  const isFull = () => admitted >= targetOf(waves, wave, counted.length);
  if (needsApproval(wave)) {
    const reason = `wave ${wave} waits for approval`;
    return { wave, hold: { kind: 'approval', reason }, barred: true };
  }
  while (open === 0 && isFull() && wave < waves.length && counted.length > 0) {
    // Waves that would let in nobody new need nobody's approval.
    const adds = targetOf(waves, wave + 1, counted.length) > admitted;
    if (adds && needsApproval(wave + 1)) {
      const reason = `wave ${wave} is done; wave ${wave + 1} waits for approval`;
      return { wave, hold: { kind: 'approval', reason }, barred: false };
    }
    wave += 1;
  }
  return { wave, hold: null, barred: false };
}

interface Crowd {
  readonly rollout: RolloutInput;
  readonly counted: readonly Member[];
  readonly open: readonly Member[];
  readonly scouts: ReturnType<typeof scoutsOf>;
}

function roomFor({ rollout, counted, open }: Crowd): number {
  const lanes = (rollout.maxConcurrent ?? Number.POSITIVE_INFINITY) - open.length;
  const failed = failedOf(counted);
  const spare = spareOf(counted.length, rollout.minHealthyPercent) - open.length - failed;
  return Math.max(0, Math.min(lanes, spare));
}

/** A person who resumes over a failure takes it on. */
function failedOf(counted: readonly Member[]): number {
  return counted.filter(({ state, accepted }) => state === 'failed' && !accepted).length;
}

/**
 * Devices that may be open or failed at once. At least one: otherwise nothing could ever be
 * updated.
 */
export function spareOf(members: number, minHealthyPercent: number): number {
  return Math.max(1, members - Math.ceil((members * minHealthyPercent) / 100));
}

/** Nothing is under way and failed devices have used up what may be unhealthy: a person decides. */
function healthHold({ rollout, counted, open }: Crowd, stuck: boolean): Hold | null {
  if (!stuck || open.length > 0) return null;
  const failed = failedOf(counted);
  const spare = spareOf(counted.length, rollout.minHealthyPercent);
  const share = `${rollout.minHealthyPercent} % must stay healthy`;
  const reason = `paused: ${failed} of ${counted.length} failed, at most ${spare} may: ${share}`;
  return { kind: 'health', reason };
}

/** The first who have room; of a class without enough scouts only as many as are missing. */
function chosen({ scouts }: Crowd, waiting: readonly Member[], room: number): string[] {
  const taken = new Map<string, number>();
  const admit: string[] = [];
  for (const { device, class: own } of waiting) {
    if (admit.length >= room) break;
    const count = taken.get(own) ?? 0;
    if (count >= (scouts.get(own)?.missing ?? 0)) continue;
    taken.set(own, count + 1);
    admit.push(device);
  }
  return admit;
}

interface Telling {
  /** Who could be admitted by its wave, and who is. */
  readonly waiting: ReadonlySet<string>;
  readonly admit: ReadonlySet<string>;
  readonly scouts: Crowd['scouts'];
  readonly closed: Hold | null;
}

/** Who is passed over is told for what. */
function tell(member: Member, { waiting, admit, scouts, closed }: Telling): Member {
  const { device, class: own, wave } = member;
  if (!waiting.has(device) || admit.has(device)) return member;
  if (closed) return { ...member, reason: closed.reason };
  const scout = scouts.get(own)?.waited;
  const what = scout ? `${scout}, a scout of class ${own}` : `room in wave ${wave}`;
  return { ...member, reason: `waits for ${what}` };
}

interface Progressing extends RolloutInput {
  readonly admit: readonly string[];
  readonly hold: Hold | null;
  /** One that is offline now has not only failed to be heard yet. */
  readonly certain: boolean;
}

interface Outcome {
  readonly state: RolloutState;
  readonly reason: string;
  readonly waitsFor: WaitKind | null;
}

function outcome(progress: Progressing): Outcome {
  const { members, admit, wave, waves, hold } = progress;
  const counted = countedMembers(progress);
  const done = counted.filter(({ state }) => state === 'succeeded').length;
  const failed = counted.filter(({ state }) => state === 'failed').length;
  const all = counted.length;
  if (members.length === 0) {
    const reason = 'no device matches the selector yet';
    return { state: 'running', reason, waitsFor: 'devices' };
  }
  const absent = counted.filter((member) => member.offline).length;
  const over = done + failed === all - (done > 0 && maySkip(progress) ? absent : 0);
  if (over) return finished(progress, { done, failed });
  const front = `wave ${wave} of ${waves.length}: ${done} of ${all} done`;
  if (hold?.kind === 'health') return { state: 'paused', reason: hold.reason, waitsFor: 'person' };
  const open = counted.find(isOpen);
  const next = admit.length > 0 ? `${admit.length} devices are given it now` : unheard(counted);
  const waits = open ? `waits for ${open.device}: ${open.reason}` : (hold?.reason ?? next);
  const waitsFor = open || !hold ? 'devices' : hold.kind;
  return { state: 'running', reason: `${front}; ${waits}`, waitsFor };
}

/** Those that are offline come later; a wave that a person has to let begin is not over. */
function maySkip({ offline, hold, certain, state }: Progressing): boolean {
  return offline === 'skip' && hold === null && (certain || state === 'succeeded');
}

function unheard(counted: readonly Member[]): string {
  const [first, ...more] = counted.filter((member) => !isAdmitted(member));
  if (!first) return 'nothing to do';
  const others = more.length > 0 ? ` and ${more.length} more` : '';
  return `waits until ${first.device}${others} ${others ? 'are' : 'is'} online`;
}

function finished(
  { members, stops }: Progressing,
  { done, failed }: { done: number; failed: number },
): Outcome {
  const all = members.length;
  const but = failed > 0 ? `; ${failed} failed` : '';
  const classes = stops.map((stop) => `; class ${stop.class} is out: ${stop.reason}`).join('');
  const paused = stops.some(({ action }) => action === 'pause');
  const absent = countedMembers({ members, stops }).filter(({ offline }) => offline).length;
  const later = absent > 0 ? `; ${absent} offline, given it when back` : '';
  const reason = `${done} of ${all} devices serve it${but}${later}${classes}`;
  if (paused) return { state: 'paused', reason: `paused: ${reason}`, waitsFor: 'person' };
  if (done > 0) return { state: 'succeeded', reason, waitsFor: null };
  const none = `none of ${all} devices serves it${but}${classes}`;
  return { state: 'failed', reason: none, waitsFor: null };
}
