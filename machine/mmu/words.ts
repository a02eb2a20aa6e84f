/** Two words of 32 bits as one unsigned `bigint`; for reports and doors, never for every access. */
export function unsigned64(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
