"""The world `neighborhood`: streets, plots and parks, after the one people fly in AirSim."""
