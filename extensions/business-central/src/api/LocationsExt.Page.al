page 50127 "BH API Locations Ext"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'locationExt';
    EntitySetName = 'locationsExt';
    SourceTable = Location;
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(code; Rec.Code) { }
                field(requireReceive; Rec."Require Receive") { }
                field(requirePutAway; Rec."Require Put-away") { }
                field(binMandatory; Rec."Bin Mandatory") { }
                field(directedPutAway; Rec."Directed Put-away and Pick") { }
                field(useAsInTransit; Rec."Use As In-Transit") { }
            }
        }
    }
}
