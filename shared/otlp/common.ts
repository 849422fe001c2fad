/** What spans and metrics share in OTLP/JSON (opentelemetry-proto 1.x, common and resource). */
import { productVersion } from '../product.ts';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface Resource {
  readonly body: object;
}

/** Who speaks, by the semantic conventions of OpenTelemetry for services. */
export function resourceOf(service: string, instance: string): Resource {
  const attributes = attributesOf({
    'service.namespace': 'fettle',
    'service.name': service,
    'service.instance.id': instance,
    'service.version': productVersion(),
  });
  return { body: { attributes } };
}

export function scope(): object {
  return { name: 'fettle', version: productVersion() };
}

export function attributesOf(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: wireValue(value) }));
}

/** 64-bit integers are strings in the JSON of protobuf: these do not fit a double. */
export function nanoseconds(ms: number): string {
  const whole = Math.floor(ms);
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6)));
}

function wireValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
