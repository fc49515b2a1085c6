page 50129 "BH API Return Reasons"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'returnReason';
    EntitySetName = 'returnReasons';
    SourceTable = "Return Reason";
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
                field(description; Rec.Description) { }
                field(defaultLocationCode; Rec."Default Location Code") { }
                field(inventoryValueZero; Rec."Inventory Value Zero") { }
            }
        }
    }
}
