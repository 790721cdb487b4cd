// Loading of a board for graphics: which board, at which point, and the words for its state.

/** Return the event in the language of the settings, and the board they name: the first one unless they name one. */
export async function loadEvent(source, { board, lang }) {
  const event = await source.get("", { lang });
  const boards = [
    ...event.boards,
    ...event.team_boards.map((teams) => ({ ...teams, teams: true })),
  ];
  const chosen = board ? boards.find((known) => known.board === board) : boards[0];
  if (!chosen) throw new Error(board ? `the event has no board ${board}` : "the event has no board");
  return { event, board: chosen, race: event.races.find((race) => race.race === chosen.race) };
}

/**
 * Return a board's best rows and the point where they were taken: the point of the settings, else FINISH, else the
 * furthest point that somebody on the board has reached.
 */
export async function loadRows(source, { race, board, point, rows }) {
  const path = `boards/${encodeURIComponent(board.board)}`;
  const points = race.points.filter((known) => known.point !== "START").reverse();
  const asked = point ? points.filter((known) => known.point === point) : points;
  if (!asked.length) throw new Error(`the race has no point ${point}`);
  for (const known of asked) {
    const isFinish = known === points[0];
    const answer = await source.get(path, { limit: rows, point: isFinish ? "" : known.point });
    if (answer.rows.length || known === asked[asked.length - 1]) return { ...answer, at: known, isFinish };
  }
}

export const LONG = 12; // more rows than this are lower, so that 20 are as high as the picture

/** Return the state of a board's results in words. */
export function stateWord(words, board) {
  const state = board.state === "official" && board.changed_since_official ? "changed" : board.state;
  return state === "live" ? words.unofficial : words[`state_${state}`];
}

/** Return whether the jury may still change a row. */
export function inReview(row) {
  return (row.flags ?? "").split(" ").some((flag) => flag === "review" || flag === "case");
}

/** Return where an athlete comes from in one line. */
export function origin(row) {
  return [row.nationality, row.club ?? row.team].filter(Boolean).join(" · ");
}
