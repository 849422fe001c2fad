/**
 * Every error the product can raise: one table, so that a code, its hint and whether a retry helps
 * are said once.
 */

interface ErrorKind {
  /** What went wrong; `{name}` is replaced by the detail of that name; `{name?}` may be absent. */
  readonly message: string;
  /** What the reader can do about it. */
  readonly hint: string;
  /** Whether the same call may succeed later without anything else changing. */
  readonly retryable: boolean;
}

export const errorTable = {
  // Input
  BAD_ARGUMENT: kind('{what}: expected {expected}, got {got}', 'Run the command with --help.'),
  BAD_SETTING: kind('setting {setting}: expected {expected}, got {got}', 'Correct the setting.'),
  FILE_MISSING: kind('{path}: no such file', 'Check the path.'),
  FILE_UNREADABLE: kind('{path}: cannot be read ({reason})', 'Check the file and its permissions.'),
  TOO_LARGE: kind(
    '{what}: {got} bytes, at most {limit} are accepted',
    'Send something smaller, or raise the limit.',
  ),
  ENCODING_UNSUPPORTED: kind(
    'content-encoding {got}: expected {expected}, or none',
    'Send the body as it is, or compressed with gzip.',
  ),
  BAD_NAME: kind(
    '{what} {got}: expected lower-case letters, digits, dot, dash or underscore, at most 64',
    'Choose another name.',
  ),
  PACKAGE_INVALID: kind('{path}: {reason}', 'See docs/packages.md for what a package holds.'),
  // Models
  ONNX_INVALID: kind('{path}: not a valid ONNX model: {reason}', 'Export the model again.'),
  ONNX_UNSUPPORTED: kind('{path}: {reason}', 'See docs/models.md for what is supported.'),
  ONNX_EXTERNAL_DATA: kind(
    '{path}: external data {location}: {reason}',
    'Put the data file beside the model.',
  ),
  MODEL_UNRUNNABLE: kind(
    '{path}: the runtime cannot run this model: {reason}',
    'Check its operators and opset with: fettle inspect.',
  ),
  MODEL_UNMEASURED: kind(
    'model {model}: its quality could not be measured: {reason}',
    'Mend the package and push it again.',
  ),
  // Data
  NPZ_INVALID: kind('{path}: not a valid .npz data set: {reason}', 'Write it with numpy.savez.'),
  DATA_MISMATCH: kind(
    '{path}: array {name}: expected {expected}, got {got}',
    'The arrays must fit the inputs of the model; see docs/packages.md.',
  ),
  METRIC_IMPOSSIBLE: kind('metric {metric}: {reason}', 'Choose another metric, or add the data.'),
  NOT_FINITE: kind(
    '{path}: expected a finite number, got {got}',
    'Look at what it was computed from: a division by zero, or values too large or too far apart.',
  ),
  // Compression
  RECIPE_INVALID: kind('recipe: {reason}', 'See docs/recipes.md.'),
  CALIBRATION_MISSING: kind(
    'variant {recipe}: it needs calibration data, and there is none',
    'Give it with --calibration FILE.npz; without it there are --weight-only and --bits 4, 16, 32.',
  ),
  VARIANT_FAILED: kind('variant {recipe}: {reason}', 'See the layers that the report names.'),
  JOB_ABANDONED: kind(
    '{job} was begun {times} times, and each time the controller ended before it did',
    'It is not begun again by itself. See the log of the controller, then push the model again.',
  ),
  BUNDLE_INVALID: kind(
    'file {digest} is no bundle of the agent: {reason}',
    'Make one with: fettle bundle --arch arm64.',
  ),
  BUNDLE_IMPOSSIBLE: kind(
    'bundle for {arch}: {reason}',
    'Run npm install in the checkout, and again where npm reaches its registry.',
  ),
  // Device
  AGENT_REFUSED: kind(
    'agent {version}: {reason}',
    'The agent before it runs on. Look at its log, and roll out a release that is mended.',
  ),
  AGENT_FIXED: kind(
    'agent {version}: this agent cannot replace itself ({reason})',
    'Put it on the device with the install command; see docs/devices.md.',
  ),
  DISK_FULL: kind(
    '{path}: {needed} bytes needed, {free} free',
    'Free some space on the device.',
    true,
  ),
  STATE_UNWRITABLE: kind(
    '{path}: cannot be written ({reason})',
    'Free some space, and see that the disk is not mounted read-only.',
    true,
  ),
  MEMORY_SHORT: kind(
    '{what}: {needed} MiB needed, {free} MiB free',
    'Free some memory, choose a smaller model, or let the agent stop the old one first.',
    true,
  ),
  DIGEST_MISMATCH: kind(
    '{what}: expected {expected}, got {got}',
    'The bytes were changed on the way; they are fetched again.',
    true,
  ),
  DOWNLOAD_FAILED: kind('{url}: {reason}', 'Check the network to the controller.', true),
  TRIAL_FAILED: kind('trial of {recipe}: {reason}', 'The next candidate is tried.'),
  GOLDEN_MISMATCH: kind(
    'variant {recipe} computes wrongly on this processor: {reason}',
    'Another variant is chosen.',
  ),
  NO_VARIANT_FITS: kind(
    'no variant fits this device: {reason}',
    'Relax the limits of the package.',
  ),
  ENERGY_UNREADABLE: kind(
    'energy is the objective, and this device does not say what it takes: expected a counter in ' +
      '/sys/class/powercap, or a rail in /sys/class/hwmon, found none that can be read',
    'Choose another objective, or run the agent as the superuser, who may read the counter.',
  ),
  SERVE_FAILED: kind('serving {model}: {reason}', 'The previous variant keeps serving.'),
  SERVE_CRASH_LOOP: kind(
    'variant {digest} crashed while serving {times} times',
    'The previous variant is restored.',
  ),
  SOAK_FAILED: kind('variant {variant}: {reason}', 'The previous variant is restored.'),
  SHADOW_MISMATCH: kind(
    'variant {variant}: {agreement} of {samples} {of} are answered as before, ' +
      'at least {least} expected',
    'The previous variant keeps serving; compare the two versions, lower limits.agreement of the ' +
      'package, or start with --gate liveAgreement=off.',
  ),
  RUNTIME_UNFIT: kind(
    'runtime {path}: expected {expected}, got {got}',
    'See deploy/jetson.md; without --runtime-path the installed one is used.',
  ),
  DEVICE_UNFIT: kind('{failed} of {checks} checks failed: {what}', 'Each says what to do.'),
  // Protocol and fleet
  DEVICE_DOUBLED: kind(
    'two agents run as {device}',
    'Stop one, or give it a name (--name) and a data folder (--data) of its own.',
  ),
  MESSAGE_INVALID: kind('message on {topic}: {reason}', 'Update the older of the two sides.'),
  MESSAGE_UNSTORED: kind(
    'a message ({channel}) cannot be stored and was set aside: {reason}',
    'Everything else of this device is stored; the log of the controller holds the message.',
  ),
  SIGNATURE_INVALID: kind(
    'desired document revision {revision}: the signature is not from the pinned controller key',
    'Enrol the device again if the controller was replaced on purpose.',
  ),
  REVISION_STALE: kind('desired revision {got} is older than {current}', 'Nothing to do.'),
  ENROLMENT_REFUSED: kind('enrolment refused: {reason}', 'Ask the controller for a new token.'),
  NAME_TAKEN: kind(
    '{device} is the name of another machine in this fleet',
    'Give this one a name of its own: --name {proposed}. ' +
      'If it takes the place of the other: fettle device token --replace {device}.',
  ),
  BROKER_REFUSED: kind(
    'broker {url}: {reason}',
    'Check the broker address, user and password.',
    true,
  ),
  CREDENTIALS_VOID: kind(
    '{by} refuses the credentials of {device} ({reason})',
    'The device was removed, enrolled anew elsewhere, or given another password. Make a token ' +
      'with fettle device token, and start the agent with --token TOKEN --re-enrol.',
  ),
  CONTROLLER_UNREACHABLE: kind(
    'controller {url}: {reason}',
    'Is it running? fettle controller',
    true,
  ),
  DATABASE_REFUSED: kind(
    'database {url}: {reason}',
    'Check its address, user and password, and that it exists: createdb NAME.',
    true,
  ),
  PORT_IN_USE: kind('{what} port {port} is in use', 'Choose another with {setting}.'),
  UNAUTHORIZED: kind('{reason}', 'Give a valid token: --token or FETTLE_TOKEN.'),
  FORBIDDEN: kind('{reason}', 'Use a token whose role allows this.'),
  VERSION_WORSE: kind(
    '{model} {version}: {reason}',
    'Look at the version, or start it all the same with --force.',
  ),
  COMPARISON_PENDING: kind(
    '{model} {version} is still being compared with version {against}',
    'Try again in a moment, or start it without that with --force.',
    true,
  ),
  SELECTOR_EMPTY: kind(
    'none of {devices} devices matches the selector {selector}',
    'Correct it (fettle devices --selector tries one), or say --allow-empty: the rollout then ' +
      'begins with the first that matches.',
  ),
  NOT_FOUND: kind('{what} not found{near?}', 'List what there is first.'),
  NEEDED: kind(
    '{what} is needed: {needs}',
    'Change what needs it first, or wait until that is over.',
  ),
  CONFLICT: kind('{reason}', 'Look at the present state first.'),
  TIMEOUT: kind(
    '{what}: no answer within {timeoutMs} ms',
    'Try again, or raise the timeout.',
    true,
  ),
  BUSY: kind(
    '{what} is not taken: {reason}',
    'Try again in a moment, ask less at once, or let more devices answer.',
    true,
  ),
  DEADLINE_PASSED: kind(
    '{what}: its turn did not come within {timeoutMs} ms of its arrival',
    'Ask less at once, or let more devices answer.',
    true,
  ),
  CANCELLED: kind('{what}: nobody waits for the answer any more', 'Nothing to do.'),
  INTERNAL: kind('internal error: {reason}', 'Please report this.'),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorTable;

/** What travels and is stored of an error. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
}

type Details = Readonly<Record<string, string | number>>;

/** The only error class of the project: a code of `errorTable` with its details filled in. */
export class FettleError extends Error {
  readonly code: ErrorCode;
  readonly details: Details;

  constructor(code: ErrorCode, details: Details, options?: ErrorOptions) {
    super(fill(errorTable[code].message, details), options);
    this.name = 'FettleError';
    this.code = code;
    this.details = details;
  }

  get hint(): string {
    return fill(errorTable[this.code].hint, this.details);
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

/** Any thrown value as a report; what is not ours becomes `INTERNAL`. */
export function reportError(thrown: unknown): ErrorReport {
  const error =
    thrown instanceof FettleError
      ? thrown
      : new FettleError('INTERNAL', { reason: reasonOf(thrown) }, { cause: thrown });
  return {
    code: error.code,
    message: error.message,
    hint: error.hint,
    retryable: error.retryable,
  };
}

/** The first line of what was thrown, for use as a `reason` detail. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.split('\n', 1)[0] ?? text;
}

function kind(message: string, hint: string, retryable = false): ErrorKind {
  return { message, hint, retryable };
}

function fill(template: string, details: Details): string {
  return template.replace(/\{(\w+)(\??)\}/g, (_, name: string, optional: string) =>
    String(details[name] ?? (optional ? '' : `{${name}}`)),
  );
}
