// The OGraf graphic of this name. Its manifest is made when the package is downloaded.

import { graphicOf } from "./graphic.js";
import { Leaderboard } from "./leaderboard.js";

export default graphicOf(Leaderboard);
