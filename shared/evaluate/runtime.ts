/**
 * The one door to ONNX Runtime. It is loaded when first used: importing this file costs nothing.
 */
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { FettleError, reasonOf } from '../errors.ts';
import type { ElementType } from '../onnx/graph.ts';
import type { TensorInfo } from '../protocol/fields.ts';
import { type OwnRuntime, ownRuntime } from './own-runtime.ts';
import { isLost, nameWithoutProto, nameWithProto, withoutProto } from './proto-name.ts';
import type { RuntimeTensor, Tensors } from './tensor.ts';
import { orUnrunnable, refusalOfOutputs, refusalOfSequences, unrunnable } from './unrunnable.ts';

export interface SessionOptions {
  readonly threads: number;
  /** Names a model given as bytes in error messages. */
  readonly name?: string;
  /** Execution provider; `cpu` where nothing is said. */
  readonly provider?: string;
  readonly optimization?: 'all' | 'extended' | 'basic' | 'disabled';
  /** Where the runtime writes the graph it runs, after its optimizations. */
  readonly optimizedModelPath?: string;
  /** The memory arena: faster allocation, more memory kept. On where nothing is said. */
  readonly arena?: boolean;
  /**
   * Threads wait for work busily, as the runtime does by default; off gives cores back to others;
   * `within-run` only until the run under way ends.
   */
  readonly spinning?: boolean | 'within-run';
  /** Session configuration entries, e.g. `session.disable_prepacking` → `1`. */
  readonly extra?: Readonly<Record<string, string>>;
  /** Profiles every node; the file `<prefix>_<time>.json` is written by `release`. */
  readonly profilePrefix?: string;
}

export interface Session {
  readonly inputs: readonly TensorInfo[];
  /** Outputs that are tensors; the runtime's sequences and maps are left out. */
  readonly outputs: readonly TensorInfo[];
  /** Throws `MODEL_UNRUNNABLE` where the feeds do not fit or a kernel fails. */
  run(feeds: Readonly<Tensors>): Promise<Tensors>;
  /** Frees the native session. It must not be run afterwards. */
  release(): Promise<void>;
}

type Runtime = typeof import('onnxruntime-node');
type NativeSession = import('onnxruntime-node').InferenceSession;
type NativeTensor = import('onnxruntime-node').Tensor;

/**
 * Nothing but the end of the process: every error is thrown, and warnings are for its developers.
 */
const quiet = 4;

/**
 * Opens a model for running. Throws `FILE_MISSING`, or `MODEL_UNRUNNABLE` with the runtime's reason
 * in one line.
 */
export async function openSession(
  model: string | Uint8Array,
  options: SessionOptions,
): Promise<Session> {
  const path = typeof model === 'string' ? model : (options.name ?? 'model');
  if (typeof model === 'string') await requireFile(model);
  const runtime = await loadRuntime();
  const native = await orUnrunnable(path, () => createNamed(runtime, model, options));
  const inputs = infosOf(native.inputMetadata);
  const outputs = infosOf(native.outputMetadata);
  const refusal = refusalOfOutputs(outputs) ?? refusalOfSequences(native.outputMetadata);
  if (refusal !== null) {
    await native.release();
    throw unrunnable(path, refusal);
  }
  const fetches = outputs.map((output) => output.name);
  return {
    inputs,
    outputs,
    run: (feeds) =>
      orUnrunnable(path, async () => {
        const results = await native.run(
          nativeFeeds(runtime, feeds),
          fetches.map(nameWithoutProto),
        );
        return Object.fromEntries(
          fetches.map((name) => [name, fromNative(requireValue(results[nameWithoutProto(name)]))]),
        );
      }),
    release: async () => {
      if (options.profilePrefix !== undefined) native.endProfiling();
      await native.release();
    },
  };
}

/** The version of ONNX Runtime, e.g. `1.27.0`. */
export async function runtimeVersion(): Promise<string> {
  const { env } = await loadRuntime();
  return env.versions.node ?? env.versions.common;
}

/** Execution providers that this build of the runtime has; whether they open is another matter. */
export async function builtInProviders(): Promise<string[]> {
  const { listSupportedBackends } = await loadRuntime();
  return listSupportedBackends().map(({ name }) => name);
}

/** Throws `RUNTIME_UNFIT` where the owner's own build does not fit. */
async function loadRuntime(): Promise<Runtime> {
  const own = ownRuntime();
  const runtime = own === null ? await loadInstalled() : loadOwn(own);
  // Every error is thrown too, so the native copy on standard error is noise.
  runtime.env.logLevel = 'fatal';
  return runtime;
}

async function loadInstalled(): Promise<Runtime> {
  // The package is CommonJS: its functions are also members of the default export.
  const { default: runtime } = await import('onnxruntime-node');
  return runtime;
}

function loadOwn({ folder, entry, version }: OwnRuntime): Runtime {
  try {
    const runtime: Runtime = createRequire(entry)(entry);
    return runtime;
  } catch (thrown) {
    const expected = `libraries of ${version} that load here`;
    const got = reasonOf(thrown);
    throw new FettleError('RUNTIME_UNFIT', { path: folder, expected, got }, { cause: thrown });
  }
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw new FettleError('FILE_MISSING', { path });
}

async function createNamed(
  runtime: Runtime,
  model: string | Uint8Array,
  options: SessionOptions,
): Promise<NativeSession> {
  const native = await create(runtime, model, options);
  const values = [...native.inputMetadata, ...native.outputMetadata];
  if (!values.some(({ name }) => isLost(name))) return native;
  await native.release();
  return create(runtime, await withoutProto(model), options);
}

function create(
  { InferenceSession }: Runtime,
  model: string | Uint8Array,
  options: SessionOptions,
): Promise<NativeSession> {
  const settings = {
    executionProviders: [options.provider ?? 'cpu'],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: options.optimization ?? 'all',
    enableCpuMemArena: options.arena ?? true,
    logSeverityLevel: quiet,
    extra: entriesOf(options),
    ...(options.optimizedModelPath && { optimizedModelFilePath: options.optimizedModelPath }),
    ...(options.profilePrefix && {
      enableProfiling: true,
      profileFilePrefix: options.profilePrefix,
    }),
  } as const;
  return typeof model === 'string'
    ? InferenceSession.create(model, settings)
    : InferenceSession.create(model, settings);
}

const disabledOptimizers = 'optimization.disable_specified_optimizers';

/**
 * `WeightBiasQuantization` quantizes float weights between Q and DQ per tensor without being asked
 * (core/optimizer/qdq_transformer/weight_bias_quantization.cc), so that a layer left float on
 * purpose would not be. It does nothing where there is no Q and DQ.
 */
function entriesOf({ extra, spinning }: SessionOptions): Record<string, string> {
  const disabled = ['WeightBiasQuantization', extra?.[disabledOptimizers]].filter(Boolean);
  return {
    ...extra,
    [disabledOptimizers]: disabled.join(';'),
    // onnxruntime_session_options_config_keys.h
    ...(spinning !== undefined && { 'session.intra_op.allow_spinning': spinning ? '1' : '0' }),
    ...(spinning === 'within-run' && { 'session.force_spinning_stop': '1' }),
  };
}

/** The runtime's names of element types, where they differ from the format's. */
const nativeNames = { float: 'float32', double: 'float64' } as const;
const formatNames = { float32: 'float', float64: 'double' } as const;

function infosOf(metadata: NativeSession['inputMetadata']): TensorInfo[] {
  return metadata.flatMap((value) =>
    value.isTensor
      ? [
          {
            name: nameWithProto(value.name),
            type: formatType(value.type),
            shape: value.shape.map((dim) => (typeof dim === 'number' ? dim : -1)),
          },
        ]
      : [],
  );
}

function formatType(type: NativeTensor['type']): ElementType {
  return type === 'float32' || type === 'float64' ? formatNames[type] : type;
}

function nativeFeeds(runtime: Runtime, feeds: Readonly<Tensors>): Record<string, NativeTensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => [
      nameWithoutProto(name),
      toNative(runtime, tensor),
    ]),
  );
}

/**
 * The element type and the array agree by construction; the runtime checks it again. float16 goes
 * in as uint16 under its own name: the binding finds no bytes in the Float16Array that its
 * constructor makes (microsoft/onnxruntime #32323).
 */
function toNative({ Tensor }: Runtime, { type, dims, data }: RuntimeTensor): NativeTensor {
  const half = type === 'float16';
  const name = half ? 'uint16' : type === 'float' || type === 'double' ? nativeNames[type] : type;
  const tensor = Reflect.construct(Tensor, [name, data, dims]);
  return half ? Object.assign(tensor, { type }) : tensor;
}

function fromNative(tensor: NativeTensor): RuntimeTensor {
  const type = formatType(tensor.type);
  const { data } = tensor;
  if (type === 'float16' && ArrayBuffer.isView(data)) {
    const bits = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
    return { type, dims: tensor.dims, data: bits };
  }
  return { type, dims: tensor.dims, data };
}

function requireValue<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the runtime gave no value for an output');
  return value;
}
