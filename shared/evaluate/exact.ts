/**
 * Sessions whose sums of 8-bit products are exact on every processor. What is measured with them
 * holds for the variant, not for the machine that measures it.
 */
import { openSession, type Session, type SessionOptions } from './runtime.ts';

/**
 * x86 without VNNI adds two products of 8 bits in 16 and saturates; with this entry the runtime
 * takes unsigned weights there, whose kernel widens first (onnxruntime's
 * session_options_config_keys.h; qdq_transformer/avx2_weight_s8_to_u8.cc). It is slower there, and
 * without effect on other processors.
 */
const precision = { 'session.x64quantprecision': '1' } as const;

/** As `openSession`. */
export function openExact(model: string | Uint8Array, options: SessionOptions): Promise<Session> {
  return openSession(model, { ...options, extra: { ...options.extra, ...precision } });
}
