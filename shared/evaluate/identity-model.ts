/**
 * The smallest model there is, `y = Identity(x)` for one float, to see whether a provider opens.
 */
export const identityModel: Uint8Array = Buffer.from(
  'CAcSADo3ChAKAXgSAXkiCElkZW50aXR5EgFnWg8KAXgSCgoICAESBAoCCAFiDwoBeRIKCggIARIECgIIAUIECgAQDQ==',
  'base64',
);
