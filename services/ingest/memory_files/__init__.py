"""Read files out of devices' memories, in the formats that timers have them: pure, from bytes to reads."""
