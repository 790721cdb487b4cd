// The OGraf graphic of this name. Its manifest is made when the package is downloaded.

import { graphicOf } from "./graphic.js";
import { LowerThird } from "./lower-third.js";

export default graphicOf(LowerThird);
