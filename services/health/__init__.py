"""What an event's rows and devices show of the system itself: counts by point, device and chip, and findings. Pure."""
