/** What a device is. Whatever could not be read is null; nothing is guessed. */
import * as v from 'valibot';
import { Count, Instant, Key, Labels, Name } from './fields.ts';

const Gauge = v.nullable(v.number());

/** Absent where nobody says. */
const clock = {
  frequencyMHz: v.optional(v.number()),
  frequencyMHzMax: v.optional(v.number()),
} as const;

export const Profile = v.looseObject({
  v: v.literal(1),
  device: Name,
  at: Instant,
  /** A fingerprint of what decides speed; devices of one class share tuning results. */
  hardwareClass: Key,
  agentVersion: Key,
  runtimeVersion: Key,
  os: v.looseObject({
    platform: v.string(),
    arch: v.string(),
    release: v.string(),
    distribution: v.nullable(v.string()),
    container: v.boolean(),
    /** Jetson Linux version, and the JetPack that came with it. */
    l4t: v.optional(v.nullable(v.string())),
    jetpack: v.optional(v.nullable(v.string())),
  }),
  /** Board or machine model, as the device tree or DMI names it. */
  board: v.nullable(v.string()),
  /** The module that a Jetson's board carries, with its part number. */
  module: v.optional(v.nullable(v.string())),
  /** Of the device tree, the most particular first. */
  compatible: v.optional(v.array(v.string())),
  processor: v.looseObject({
    model: v.string(),
    /** Cores this process may run on. */
    cores: Count,
    /** Physical cores among them; null where siblings are not told apart. */
    physicalCores: v.optional(Gauge),
    /**
     * Processor time allowed by the cgroup or the device's own setting, in cores; null is
     * unlimited.
     */
    quotaCores: Gauge,
    /** Kinds of cores among them, the fastest first: one entry where all are alike. */
    clusters: v.optional(
      v.array(
        v.looseObject({
          name: v.string(),
          /** How many of the cores this process may run on. */
          cores: Count,
          /** Their numbers, as the kernel counts. */
          cpus: v.optional(v.array(Count)),
          /** Work of one of them, relative to the machine's fastest core, which is 1024. */
          capacity: v.optional(Gauge),
          frequencyMHzMax: v.optional(Gauge),
          governor: v.optional(v.nullable(v.string())),
        }),
      ),
    ),
    /** Instruction-set features that decide kernels, e.g. avx512_vnni, asimddp, i8mm. */
    features: v.array(v.string()),
    frequencyMHzMax: Gauge,
    governor: v.nullable(v.string()),
  }),
  memory: v.looseObject({
    totalMiB: v.number(),
    availableMiB: v.number(),
    /** The cgroup's limit or the device's own setting, the lower; null is none. */
    limitMiB: Gauge,
    /** All swap, and what of it is compressed in memory. */
    swapMiB: v.optional(Gauge),
    zramMiB: v.optional(v.number()),
    ...clock,
  }),
  disk: v.looseObject({
    totalMiB: Gauge,
    freeMiB: Gauge,
    /** `sd`, `emmc`, `nvme`, …; of the block device that holds the data. */
    kind: v.optional(v.nullable(v.string())),
    device: v.optional(v.nullable(v.string())),
    model: v.optional(v.nullable(v.string())),
    /** How much of the promised life is used, in steps of 10. */
    wearPercent: v.optional(Gauge),
  }),
  temperatures: v.array(
    v.looseObject({
      name: v.string(),
      celsius: v.number(),
      /** Where the kernel begins to slow down, and where it switches off. */
      throttleCelsius: v.optional(Gauge),
      criticalCelsius: v.optional(Gauge),
    }),
  ),
  throttling: v.optional(
    v.looseObject({
      /** null where nothing tells. */
      now: v.nullable(v.boolean()),
      reasons: v.array(v.string()),
      /** What held the processor back at any time since the start. */
      since: v.array(v.string()),
      cooling: v.array(
        v.looseObject({ name: v.string(), state: v.number(), stateMax: v.nullable(v.number()) }),
      ),
    }),
  ),
  power: v.looseObject({
    source: v.nullable(v.picklist(['mains', 'battery'])),
    batteryPercent: Gauge,
    mode: v.nullable(v.string()),
    /** All modes that the board knows, by their numbers. */
    modes: v.optional(v.array(v.string())),
    /** What the whole board takes now. */
    watts: Gauge,
    /** The rail, the rails added up, the battery or the counter that tells it. */
    meter: v.optional(v.nullable(v.string())),
    /** What each rail takes now; rails overlap. */
    rails: v.optional(v.array(v.looseObject({ name: v.string(), watts: v.number() }))),
    /** The chip that makes the board's voltages. */
    pmic: v.optional(v.nullable(v.string())),
  }),
  accelerators: v.array(
    v.looseObject({
      kind: v.string(),
      name: v.string(),
      ...clock,
      loadPercent: v.optional(v.number()),
    }),
  ),
  /** Execution providers that opened when tried. */
  providers: v.array(v.string()),
  /** Short measurements; null where they were not run. */
  probes: v.nullable(
    v.looseObject({
      /** Multiply-accumulates a second of a 3×3 convolution, one thread. */
      float32Gmacs: v.number(),
      int8Gmacs: v.number(),
      memoryGiBs: v.number(),
      seconds: v.number(),
    }),
  ),
  labels: Labels,
  /** Facts that could not be read, with the reason. */
  missing: v.array(v.looseObject({ what: v.string(), reason: v.string() })),
});
export type Profile = v.InferOutput<typeof Profile>;
