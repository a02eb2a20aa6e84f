/**
 * The clock's calendar: Gregorian, without time zones, in whole seconds. Nothing of the host.
 */

/** A moment, as the clock's registers count it. */
export interface DateTime {
  readonly year: number;
  /** 1–12. */
  readonly month: number;
  /** 1–31. */
  readonly day: number;
  /** 0–23. */
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** Days from 0000-03-01 to a date; `month` and `day` may run over. */
function daysOf(year: number, month: number, day: number): number {
  // Years begin in March here, so that the leap day is the last one.
  const marchYear = year + Math.floor((month - 3) / 12);
  const marchMonth = ((month - 3) % 12 + 12) % 12;
  return 365 * marchYear + Math.floor(marchYear / 4) - Math.floor(marchYear / 100) +
    Math.floor(marchYear / 400) + Math.floor((153 * marchMonth + 2) / 5) + day - 1;
}

/** Seconds from 0000-03-01 00:00:00 to a moment. */
export function secondsOf({ year, month, day, hour, minute, second }: DateTime): number {
  return 86_400 * daysOf(year, month, day) + 3600 * hour + 60 * minute + second;
}

/** The inverse of {@linkcode secondsOf}. */
export function dateTimeOf(seconds: number): DateTime {
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - 86_400 * days;
  let year = Math.floor(days / 365.2425) + 1;
  while (daysOf(year, 3, 1) > days) year--;
  const dayOfYear = days - daysOf(year, 3, 1);
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  if (month < 3) year++;
  return {
    year,
    month,
    day,
    hour: Math.floor(rest / 3600),
    minute: Math.floor(rest / 60) % 60,
    second: rest % 60,
  };
}

/** Day of the week as the clock counts: 1 = Sunday … 7 = Saturday. */
export function weekdayOf({ year, month, day }: DateTime): number {
  // 0000-03-01 was a Wednesday.
  return (daysOf(year, month, day) + 3) % 7 + 1;
}
