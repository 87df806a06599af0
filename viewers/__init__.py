"""Everything a person sees. Qt and VTK live only here."""
