/** Code page 437: what the display's character ROM draws, as Unicode. */

const LOW = "\0☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
const HIGH = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
  "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

/** The character of a code, 0–255. Codes 0 and 255 are blanks. */
export function cp437(code: number): string {
  if (code === 0 || code === 255) return " ";
  if (code < 32) return LOW[code];
  if (code < 127) return String.fromCharCode(code);
  return code === 127 ? "⌂" : HIGH[code - 128];
}

/** Characters of a run of codes. */
export function decodeCp437(codes: Uint8Array): string {
  return Array.from(codes, cp437).join("");
}
