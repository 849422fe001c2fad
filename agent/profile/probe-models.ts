/**
 * Two 3×3 convolutions of 64 channels on a 28×28 map, in float and in 8 bits (QLinearConv, unsigned
 * activations, signed weights). The weights are one `ConstantOfShape`, which the runtime folds.
 */

/** Multiply-accumulates of one run: 2 layers · 64·64·3·3 · 28·28. */
export const probeMacs = 2 * 64 * 64 * 3 * 3 * 28 * 28;

export const probeDims = [1, 64, 28, 28] as const;

export const floatProbe: Uint8Array = Buffer.from(
  'CAgSADrKAQoyCgFzEgF3Ig9Db25zdGFudE9mU2hhcGUqGQoFdmFsdWUqDQgBEAEiBAAAgD1CAXagAQQKIwoBeAoBdxIC' +
    'dDAiBENvbnYqEQoEcGFkc0ABQAFAAUABoAEHCiMKAnQwCgF3EgF5IgRDb252KhEKBHBhZHNAAUABQAFAAaABBxIBcCoN' +
    'CAQQBzoEQEADA0IBc1obCgF4EhYKFAgBEhAKAggBCgIIQAoCCBwKAggcYhsKAXkSFgoUCAESEAoCCAEKAghACgIIHAoC' +
    'CBxCBAoAEA0=',
  'base64',
);

export const int8Probe: Uint8Array = Buffer.from(
  'CAgSADqoAgovCgFzEgF3Ig9Db25zdGFudE9mU2hhcGUqFgoFdmFsdWUqCggBEAMqAQNCAXagAQQKPAoBeAoBYQoBegoB' +
    'dwoBYgoBawoBYQoBehICdDAiC1FMaW5lYXJDb252KhEKBHBhZHNAAUABQAFAAaABBwo8CgJ0MAoBYQoBegoBdwoBYgoB' +
    'awoBYQoBehIBeSILUUxpbmVhckNvbnYqEQoEcGFkc0ABQAFAAUABoAEHEgFwKg0IBBAHOgRAQAMDQgFzKgsQASIECtej' +
    'PEIBYSoLEAEiBG8SAztCAWIqCRACKgKAAUIBeioIEAMqAQBCAWtaGwoBeBIWChQIAhIQCgIIAQoCCEAKAggcCgIIHGIb' +
    'CgF5EhYKFAgCEhAKAggBCgIIQAoCCBwKAggcQgQKABAN',
  'base64',
);
