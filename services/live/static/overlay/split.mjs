// The OGraf graphic of this name. Its manifest is made when the package is downloaded.

import { graphicOf } from "./graphic.js";
import { SplitTimes } from "./split.js";

export default graphicOf(SplitTimes);
