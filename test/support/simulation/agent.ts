/**
 * A simulated agent: the true protocol, and hardware that is made up. It takes what it is told
 * through the states of a real one and sends the telemetry that its version would cause.
 */
import { recipeName, sourceRecipe } from '../../../shared/compress/recipe.ts';
import type { EnrolAnswer } from '../../../shared/protocol/api.ts';
import type { Desired, Reported } from '../../../shared/protocol/messages.ts';
import { connectDevice, type SimulatedDevice } from '../device.ts';
import { servingOf, tuningOf } from '../documents.ts';
import { type Behaviour, type Flaw, flawOn, windowOfServing } from './behaviour.ts';

export interface SimulatedAgent {
  readonly name: string;
  readonly hardwareClass: string;
  /** Another one after each time that it was off. */
  readonly device: SimulatedDevice;
  /** The version that answers now; null where none does. */
  version(): number | null;
  /** Versions that it was ever told to run. */
  readonly told: ReadonlySet<number>;
  /** Looks, and does what is due. */
  tick(nowMs: number): Promise<void>;
  /** Whether it comes no further than to take goals up, as where a download hangs. */
  stall(stalled: boolean): void;
  /** Says that it goes, and is gone. */
  switchOff(): Promise<void>;
  switchOn(): Promise<void>;
}

export interface AgentOptions {
  readonly url: string;
  readonly name: string;
  readonly hardwareClass: string;
  readonly enrolment: EnrolAnswer;
  readonly random: () => number;
  readonly behaviours: ReadonlyMap<number, Behaviour>;
  /** Nobody asks it anything. */
  readonly quiet?: boolean;
}

const tuningMs = 200;
const crashMs = 300;
const telemetryMs = 500;
/** Of one start: the next one numbers its reports above them. */
const reportsMax = 10_000;

type Model = NonNullable<Desired['model']>;

interface Life {
  revision: number;
  phase: 'resting' | 'tuning' | 'soaking';
  sinceMs: number;
  model: Model | null;
  servesSinceMs: number;
  previous: Model | null;
  windowMs: number;
  windows: number;
  starts: number;
}

export async function startAgent(options: AgentOptions): Promise<SimulatedAgent> {
  const { name, hardwareClass } = options;
  const told = new Set<number>();
  const life: Life = {
    ...{ revision: 0, phase: 'resting', sinceMs: 0, model: null, previous: null },
    ...{ servesSinceMs: 0, windowMs: 0, windows: 0, starts: 0 },
  };
  const device = await connect(options, life);
  const self: Self = { device, life, told, options, on: true, stalled: false };
  let work: Promise<void> = Promise.resolve();
  return {
    ...{ name, hardwareClass, told },
    get device() {
      return self.device;
    },
    version: () => life.model?.version ?? null,
    tick(nowMs) {
      work = self.on ? live(self, nowMs) : Promise.resolve();
      return work;
    },
    stall(stalled) {
      self.stalled = stalled;
    },
    async switchOff() {
      self.on = false;
      // What it was about to send is said; whether that arrived is the same to one that goes.
      await work.catch(() => {});
      const boot = 'one';
      await self.device.send('presence', { v: 1, device: name, online: false, boot });
      await self.device.end();
    },
    async switchOn() {
      self.device = await connect(options, life);
      self.on = true;
    },
  };
}

interface Self {
  device: SimulatedDevice;
  readonly life: Life;
  readonly told: Set<number>;
  readonly options: AgentOptions;
  on: boolean;
  stalled: boolean;
}

function connect(options: AgentOptions, life: Life): Promise<SimulatedDevice> {
  const { name, hardwareClass, enrolment, url } = options;
  const identity = { url, token: '', name, hardwareClass, behaviour: 'manual' } as const;
  const seq = reportsMax * life.starts;
  life.starts += 1;
  return connectDevice({ ...identity, seq }, enrolment);
}

async function live(self: Self, nowMs: number): Promise<void> {
  await step(self, nowMs);
  await measure(self, nowMs);
}

async function step(self: Self, nowMs: number): Promise<void> {
  const { device, life, told } = self;
  const goal = device.desired.at(-1);
  if (!goal) return;
  if (goal.revision !== life.revision) {
    Object.assign(life, { revision: goal.revision, phase: 'tuning', sinceMs: nowMs });
    if (goal.model) told.add(goal.model.version);
    return await device.report('tuning', serves(life.model));
  }
  const { model } = goal;
  const forMs = nowMs - life.sinceMs;
  if (self.stalled) return;
  if (life.phase === 'tuning' && forMs >= tuningMs) await tuned(self, goal, nowMs);
  if (life.phase !== 'soaking' || !model) return;
  if (flawOf(self, model) === 'crashing' && forMs >= crashMs) return await crash(self, nowMs);
  if (forMs < goal.soakSeconds * 1000) return;
  life.phase = 'resting';
  await device.report('serving', servesNow(self));
}

async function tuned(self: Self, goal: Desired, nowMs: number): Promise<void> {
  const { device, life, options } = self;
  const { model } = goal;
  if (!model) {
    Object.assign(life, { phase: 'resting', model: null });
    return await device.report('idle');
  }
  const flaw = flawOf(self, model);
  if (flaw === 'too big') {
    life.phase = 'resting';
    const error = errorOf('NO_VARIANT_FITS', 'no variant fits: 9000 MiB needed, 900 MiB free');
    return await device.report('failed', { ...serves(life.model), error });
  }
  const tuning = tuningOf(goal, sourceRecipe, options.hardwareClass);
  const agreement = flaw === 'wrong' ? 0.6 : 1;
  const golden = { samples: 20, agreement, sqnrDb: 40 };
  const trials = tuning.trials.map((trial) => ({ ...trial, golden }));
  await device.send('tuning', { ...tuning, trials });
  const previous = life.model;
  Object.assign(life, { phase: 'soaking', sinceMs: nowMs, previous });
  Object.assign(life, { model, servesSinceMs: nowMs });
  await device.report('proving', servesNow(self));
}

/** What it serves, and how far that answered golden inputs as the one before it did. */
function servesNow(self: Self): Pick<Reported, 'serving'> {
  const { model, previous } = self.life;
  const { serving } = serves(model);
  if (!serving || !model || !previous) return { serving };
  const same = flawOf(self, model) !== 'other answers';
  const against = { version: previous.version, recipeName: recipeName(sourceRecipe) };
  const found = same ? { agreement: 1, sqnrDb: 200 } : { agreement: 0, sqnrDb: 0 };
  const onGolden = { ...against, ...found, samples: 16 };
  return { serving: { ...serving, onGolden } };
}

/** The server goes down twice; what served before takes over again. */
async function crash({ device, life }: Self, nowMs: number): Promise<void> {
  Object.assign(life, { phase: 'resting', model: life.previous, servesSinceMs: nowMs });
  const error = errorOf('SERVE_CRASH_LOOP', 'it crashed twice; the one before serves again');
  await device.report('failed', { ...serves(life.model), error });
}

async function measure({ device, life, options }: Self, nowMs: number): Promise<void> {
  const { model } = life;
  if (!model || nowMs - life.windowMs < telemetryMs) return;
  life.windowMs = nowMs;
  life.windows += 1;
  const window = windowOfServing({
    ...{ seq: life.windows, model: model.name, version: model.version },
    ...{ hardwareClass: options.hardwareClass, random: options.random },
    quiet: options.quiet === true,
    flaw: flawOn(options.behaviours.get(model.version), options.hardwareClass),
    seconds: (nowMs - life.servesSinceMs) / 1000,
  });
  const batch = { v: 1, device: device.name, spool: 'one', dropped: 0, windows: [window] };
  await device.send('telemetry', batch);
}

function flawOf({ options }: Self, { version }: Model): Flaw | null {
  return flawOn(options.behaviours.get(version), options.hardwareClass);
}

function serves(model: Model | null): Pick<Reported, 'serving'> {
  const serving = model && { ...servingOf(model), recipeName: recipeName(sourceRecipe) };
  return { serving };
}

function errorOf(code: 'NO_VARIANT_FITS' | 'SERVE_CRASH_LOOP', message: string) {
  const hint = 'The previous variant keeps serving.';
  return { code, message, hint, retryable: false };
}
