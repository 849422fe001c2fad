/**
 * The tables as Kysely sees them. Documents are JSON text; instants are milliseconds since 1970.
 */
import type { Generated } from 'kysely';
import type { LogKind, LogLevel } from '../../shared/protocol/device-log.ts';
import type { PersonRole } from '../../shared/protocol/people.ts';

/** Roll-ups are written for one part of the fleet at a time, so that nobody waits for long. */
export const fleetParts = 64;

export interface AuditRow {
  seq: number;
  at_ms: number;
  who: string;
  action: string;
  detail: string;
  previous: string;
  hash: string;
}

export interface WebhookRow {
  name: string;
  url: string;
  /** Names of events, separated by commas. */
  events: string;
  secret: string;
  created_ms: number;
}

export interface Tables {
  webhooks: WebhookRow;
  deliveries: {
    seq: Generated<number>;
    webhook: string;
    subject: Generated<string>;
    body: string;
    at_ms: number;
    attempts: Generated<number>;
    /** It is not sent before. */
    next_ms: Generated<number>;
    /** The answer by which it was refused for good. */
    refused: string | null;
  };
  people: {
    name: string;
    role: PersonRole;
    hash: string;
    created_ms: number;
    expires_ms: number | null;
  };
  audit: AuditRow;
  enrolment_tokens: {
    id: string;
    /** SHA-256 of the token; the token itself is shown once and never kept. */
    hash: string;
    labels: string;
    expires_ms: number;
    uses_left: number;
    created_ms: number;
    /** The device whose place another machine may take with it. */
    replaces: string | null;
  };
  /** Devices that were taken out of the fleet: tokens of before do not bring them back. */
  removed: {
    device: string;
    /** The last one it was told, so that its successor is told higher ones. */
    revision: number;
    at_ms: number;
  };
  devices: {
    device: string;
    /** What people changed of its labels; null takes one away that it brought. */
    labels: string;
    /** What it brought when it enrolled. */
    device_labels: string;
    /** What its enrolment token gave it. */
    token_labels: string;
    token_hash: string;
    mqtt_hash: string;
    /** Of the key by which the machine is known again. */
    key_hash: string | null;
    enrolled_ms: number;
    seen_ms: number | null;
    reported_seq: number;
    reported: string | null;
    /** When the reported document arrived, by the controller's clock. */
    reported_ms: number | null;
    profile: string | null;
    revision: number;
    /** The signed document of `revision`. */
    desired: string | null;
    rollout: string | null;
    desired_ms: number | null;
    /** null: as the settings say. */
    telemetry_seconds: number | null;
  };
  /** Bundles of the agent that were pushed together. */
  releases: {
    release: number;
    record: string;
  };
  release_goals: {
    device: string;
    /** The newest signed release document. */
    document: string;
    at_ms: number;
  };
  events: {
    id: Generated<number>;
    device: string;
    kind: LogKind;
    /** When it happened first and last, and how often. */
    at_ms: number;
    last_ms: number;
    times: number;
    level: LogLevel;
    code: string;
    message: string;
  };
  /** The highest numbers that were given out and removed: they are not given out again. */
  removed_numbers: {
    kind: 'model' | 'release';
    /** Of the model; '' for releases. */
    name: string;
    number: number;
  };
  models: {
    name: string;
    version: number;
    /** Digest of manifest, model and data: equal content is one version. */
    content: string;
    state: string;
    digest: string;
    /** The source's scores sample by sample; null while they aren't measured. */
    outcome: string | null;
    record: string;
    created_ms: number;
  };
  /** Two versions of a model that were run on one data set: the later one's. */
  comparisons: {
    model: string;
    version: number;
    against: number;
    record: string;
  };
  variants: {
    id: string;
    model: string;
    version: number;
    state: string;
    record: string;
    created_ms: number;
  };
  rollouts: {
    id: string;
    /** Later rollouts govern a device before earlier ones. */
    order: number;
    state: string;
    /** The rollout without its members. */
    record: string;
    created_ms: number;
  };
  members: {
    rollout: string;
    device: string;
    record: string;
  };
  tunings: {
    device: string;
    revision: number;
    document: string;
    at_ms: number;
  };
  /** What a class chose, newest wins: handed to the next devices of the class. */
  hints: {
    key: string;
    hardware_class: string;
    recipe: string;
    plan: string;
    latency_ms_p50: number;
    device: string;
    at_ms: number;
  };
  windows: {
    /** Rises in the order of arrival. */
    id: Generated<number>;
    device: string;
    start_ms: number;
    document: string;
  };
  /** Jobs that were begun and have not come to an end. */
  starts: {
    job: string;
    starts: number;
  };
  /** Windows merged by the minute and by the hour. */
  rollups: {
    device: string;
    /** Seconds. */
    span: number;
    start_ms: number;
    document: string;
  };
  /** Of each part of the fleet the last window that is in the roll-ups. */
  rolled: {
    part: number;
    window_id: number;
  };
  spools: {
    device: string;
    spool: string;
    /** The highest sequence number stored. */
    seq: number;
    /** Those below it that are missing: JSON, `[[first, last], …]`. */
    gaps: string;
    dropped: number;
    stored: number;
    at_ms: number;
  };
}
