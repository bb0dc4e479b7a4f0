"""What a sensor user asks for by name: canceller, line enhancer, hum, smoother."""
